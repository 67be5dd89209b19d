import type { Tool, ToolSource } from '#domain/world.ts'
import { TOOLS } from './schedule.ts'

export type Effect = { tool: string; input: unknown; key: string }

/** Where effects leave their mark. `stamp` honours its key; `shout` happens as often as it is called. */
export type EffectLog = { stamp(effect: Effect): Promise<void>; shout(effect: Effect): Promise<void> }

export function memoryLog() {
  const effects: Effect[] = []
  const log: EffectLog = {
    async stamp(effect) {
      if (!effects.some(({ key }) => key === effect.key)) effects.push(effect)
    },
    async shout(effect) {
      effects.push(effect)
    },
  }
  return { effects, log }
}

/** The two tools from outside, with an await before the effect and one after it. */
export function effectTools(log: EffectLog, point: () => Promise<void>): ToolSource {
  const tool = (name: 'stamp' | 'shout'): Tool => ({
    name,
    description: `The test's ${name}`,
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'], additionalProperties: false },
    sideEffects: true,
    idempotent: name === TOOLS.idempotent,
    transactional: false,
    async call(input, { idempotencyKey }) {
      await point()
      await log[name]({ tool: name, input, key: idempotencyKey })
      await point()
      return { output: { ok: true } }
    },
  })
  return { name: 'effects', tools: async () => [tool('stamp'), tool('shout')] }
}
