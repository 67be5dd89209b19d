import { z } from '@hono/zod-openapi'
import { AUTONOMY_LEVELS } from '#agents/define.ts'
import { agentOf, agents } from '#agents/index.ts'
import { ensureAgent } from '#domain/agents/get.ts'
import { listAgents } from '#domain/agents/list.ts'
import type { AgentRow } from '#domain/agents/schema.ts'
import { updateAgent } from '#domain/agents/update.ts'
import { notFound, Problem } from '#domain/problem.ts'
import { type Api, endpoint } from '../endpoint.ts'
import { agentType, anyJson, jsonObject, text, time } from '../fields.ts'
import { validationProblem } from '../problem.ts'

const params = z.object({ agentType })
const tool = z.string().regex(/^[\w.:*-]{1,200}$/, 'must be a tool: a skill, mcp:<server>.<tool> or mcp:<server>.*')

const budget = z.strictObject({ tokensPerTask: z.int().min(1).optional(), tokensPerDay: z.int().min(1).optional() })

const options = {
  escalateBelow: z.number().min(0).max(1).optional(),
  alwaysAsk: z.array(tool).max(200).optional(),
  approvalTimeoutHours: z.number().min(0.01).max(8_760).optional(),
  model: text(200).optional(),
  provider: z.enum(['ollama', 'openai', 'anthropic', 'builtin']).optional(),
  budget: budget.optional(),
  cache: z.boolean().optional(),
  channels: z
    .record(
      z.string().max(100),
      z.strictObject({
        webhook: z.url({ protocol: /^https?$/, error: 'must be a URL that begins with https:// or http://' }).max(2_000),
      }),
    )
    .optional(),
}

/** One schema per type: what every agent has, and the type's own options. Secrets are never in it. */
const configs = new Map(agents.map((agent) => [agent.type, z.strictObject({ ...options, ...agent.options })]))

const update = z
  .strictObject({
    name: text(100).optional(),
    autonomyLevel: z.enum(AUTONOMY_LEVELS).optional(),
    isEnabled: z.boolean().optional(),
    config: jsonObject.optional(),
    allowedSkills: z.array(tool).max(500).nullable().optional(),
    systemPrompt: z.string().max(20_000).nullable().optional(),
  })
  .openapi('AgentUpdate')

const agentSchema = z
  .object({
    id: z.string(),
    orgId: z.string(),
    agentType: z.string(),
    name: z.string(),
    purpose: z.string(),
    autonomyLevel: z.enum(AUTONOMY_LEVELS),
    isEnabled: z.boolean(),
    config: anyJson,
    allowedSkills: z.array(z.string()).nullable(),
    defaultSkills: z.array(z.string()),
    systemPrompt: z.string().nullable(),
    createdAt: time,
    updatedAt: time,
  })
  .openapi('Agent')

export function agentRoutes(api: Api) {
  const tag = 'Agents'
  endpoint(api, {
    method: 'get',
    path: '/api/v1/agents',
    scope: 'read',
    tag,
    summary: 'List the agents',
    response: z.object({ data: z.array(agentSchema), nextCursor: z.null() }),
    handle: async ({ world, caller }) => ({
      status: 200,
      body: { data: (await listAgents(world, caller.orgId)).map(view), nextCursor: null },
    }),
  })
  endpoint(api, {
    method: 'get',
    path: '/api/v1/agents/{agentType}',
    scope: 'read',
    tag,
    summary: 'Get an agent',
    params,
    response: agentSchema,
    handle: async ({ world, caller, params }) => ({
      status: 200,
      body: view(await ensureAgent(world, caller.orgId, params.agentType)),
    }),
  })
  endpoint(api, {
    method: 'put',
    path: '/api/v1/agents/{agentType}',
    scope: 'admin',
    tag,
    summary: 'Change an agent',
    description:
      'Fields left out stay; `config` is replaced whole. Disabling an agent holds its queued tasks back until it is enabled again.',
    params,
    body: update,
    response: agentSchema,
    handle: async ({ world, caller, params, body }) => {
      const config = body.config === undefined ? undefined : checkedConfig(params.agentType, body.config)
      return { status: 200, body: view(await updateAgent(world, caller.orgId, params.agentType, { ...body, config })) }
    },
  })
}

function checkedConfig(type: string, config: unknown) {
  const parsed = configs.get(type)?.safeParse(config)
  if (!parsed) throw notFound('agent', type)
  if (parsed.success) return parsed.data as never
  const problem = validationProblem(parsed.error, 'body')
  const errors = problem.errors?.map(({ path, message }) => ({ path: path === 'body' ? 'config' : `config.${path}`, message }))
  throw new Problem('validation_failed', `config.${problem.message}`, errors)
}

const view = ({ version: _, ...row }: AgentRow) => ({
  ...row,
  purpose: agentOf(row.agentType)?.purpose,
  defaultSkills: agentOf(row.agentType)?.skills,
})
