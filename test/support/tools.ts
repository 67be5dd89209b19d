import type { Tool, ToolContext, ToolSource } from '#domain/world.ts'
import type { Json, JsonObject } from '#skills/define.ts'

export type Call = { tool: string; input: JsonObject; key: string; signal: AbortSignal }

/** Tools from outside with effects that a test sees: every call is kept before `work` decides how it ends. */
export function loggedTools(
  tools: { name: string; idempotent: boolean; sideEffects?: boolean }[],
  work: (call: Call, nth: number) => Promise<Json> | Json = () => ({ ok: true }),
) {
  const calls: Call[] = []
  const all = tools.map(
    ({ name, idempotent, sideEffects = true }): Tool => ({
      name,
      description: `The test's ${name}`,
      inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'], additionalProperties: false },
      sideEffects,
      idempotent,
      transactional: false,
      async call(input: JsonObject, { idempotencyKey, signal }: ToolContext) {
        const call = { tool: name, input, key: idempotencyKey, signal }
        calls.push(call)
        return { output: await work(call, calls.length) }
      },
    }),
  )
  const source: ToolSource = { name: 'logged tools', tools: async () => all }
  return { calls, source }
}
