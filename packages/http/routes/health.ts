import { z } from '@hono/zod-openapi'
import { CHECKS, type Health, type State } from '#domain/health.ts'
import type { Api } from '../endpoint.ts'

const state = z.enum(['ok', 'off', 'down'])
const LIMIT_MS = 2_000

/** Open to everyone: `degraded` when a configured part is down, 503 only without the database. */
export function healthRoute({ app, world }: Api, health: Health) {
  const checks = z.object(Object.fromEntries(CHECKS.map((name) => [name, state])))
  const response = z.object({ status: z.enum(['ok', 'degraded', 'down']), version: z.string(), checks }).openapi('Health')
  const content = { 'application/json': { schema: response } }
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/health',
    tags: ['Health'],
    summary: 'How the service and the parts around it are',
    responses: { 200: { description: 'It serves', content }, 503: { description: 'The database does not answer', content } },
  })
  app.get('/health', async (c) => {
    const states = Object.fromEntries(await Promise.all(CHECKS.map(async (name) => [name, await bounded(health[name])])))
    const down = Object.values(states).includes('down')
    const status = states.database === 'down' ? 'down' : down ? 'degraded' : 'ok'
    return c.json({ status, version: world.settings.version, checks: states }, status === 'down' ? 503 : 200)
  })
}

async function bounded(check: () => Promise<State> | State): Promise<State> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<State>((done) => {
    timer = setTimeout(done, LIMIT_MS, 'down')
  })
  try {
    return await Promise.race([check(), late])
  } catch {
    return 'down'
  } finally {
    clearTimeout(timer)
  }
}
