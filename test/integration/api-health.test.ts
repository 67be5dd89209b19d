import { createServer } from 'node:net'
import { afterAll, describe, expect, test } from 'vitest'
import { version } from '#platform/world.ts'
import { laterTask } from '../support/api.ts'
import { freshDatabase } from '../support/database.ts'
import { cuttable } from '../support/proxy.ts'
import { scripted } from '../support/scripted-model.ts'
import { startService, until } from '../support/service.ts'

const NAMES = ['database', 'redis', 'queue', 'llm', 'mcpGateway', 'skills', 'knowledge', 'personality']
const off = { redis: 'off', mcpGateway: 'off', skills: 'off', knowledge: 'off', personality: 'off' }

/** A port at which something listens, and one at which nothing does. */
async function ports() {
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  afterAll(() => void server.close())
  const other = createServer()
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
  const closed = (other.address() as { port: number }).port
  await new Promise((done) => other.close(done))
  return { open: (server.address() as { port: number }).port, closed }
}

test('with nothing configured it is ok: what is not there is off', async () => {
  const { ask } = await startService()
  const answer = await ask('GET', '/health')
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual({ status: 'ok', version, checks: { database: 'ok', queue: 'ok', llm: 'ok', ...off } })
  expect(Object.keys(answer.body.checks)).toEqual(NAMES)
})

describe('a configured part', () => {
  test.each([
    ['REDIS_URL', 'redis', 'redis:'],
    ['MCP_GATEWAY_URL', 'mcpGateway', 'http:'],
    ['SKILLS_URL', 'skills', 'http:'],
    ['KNOWLEDGE_URL', 'knowledge', 'http:'],
    ['AI_PERSONALITY_URL', 'personality', 'http:'],
  ])('%s that answers is ok; one that does not is down and the whole degraded, still 200', async (variable, name, protocol) => {
    const { open, closed } = await ports()
    const up = await startService({ env: { [variable]: `${protocol}//127.0.0.1:${open}` } })
    expect((await up.ask('GET', '/health')).body).toMatchObject({ status: 'ok', checks: { ...off, [name]: 'ok' } })
    const down = await startService({ env: { [variable]: `${protocol}//127.0.0.1:${closed}` } })
    const answer = await down.ask('GET', '/health')
    expect(answer).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { ...off, [name]: 'down', database: 'ok' } },
    })
  })

  test.each([
    ['says what is wrong', async () => 'no such model'],
    ['throws', async () => Promise.reject(new Error('broken'))],
  ])('a model that %s is down and the whole degraded', async (_, check) => {
    const { ask } = await startService({ model: { ...scripted(() => ''), check } })
    expect(await ask('GET', '/health')).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { llm: 'down', database: 'ok' } },
    })
  })

  test('that never answers is down, and the health check itself still answers', async () => {
    const { ask } = await startService({ model: { ...scripted(() => ''), check: () => new Promise(() => {}) } })
    const startedAt = performance.now()
    expect(await ask('GET', '/health')).toMatchObject({ status: 200, body: { status: 'degraded', checks: { llm: 'down' } } })
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })
})

test('without the database health is 503, every endpoint answers 503 database_unavailable, and it mends by itself', async () => {
  const way = await cuttable(await freshDatabase())
  const { ask } = await startService({ databaseUrl: way.url })
  expect((await ask('POST', '/api/v1/tasks', { body: laterTask() })).status).toBe(201)
  way.cut()
  const gone = await ask('GET', '/health')
  expect(gone).toMatchObject({ status: 503, body: { status: 'down', checks: { database: 'down' } } })
  for (const [method, path] of [
    ['GET', '/api/v1/tasks'],
    ['GET', '/api/v1/tasks/x'],
    ['GET', '/api/v1/tasks/x/events'],
    ['GET', '/api/v1/approvals'],
    ['GET', '/api/v1/outbox'],
    ['GET', '/api/v1/agents'],
    ['POST', '/api/v1/tasks'],
    ['POST', '/api/v1/approvals/x/approve'],
  ] as const) {
    for (const headers of [{}, { 'idempotency-key': 'gone' }] as Record<string, string>[]) {
      const body = method === 'POST' && path.endsWith('tasks') ? laterTask() : undefined
      const answer = await ask(method, path, { body, headers })
      expect(answer, `${method} ${path}`).toMatchObject({ status: 503, body: { code: 'database_unavailable' } })
      expect(answer.headers.get('retry-after')).toBe('5')
      expect(answer.text).not.toMatch(/postgres|127\.0\.0\.1|ECONN|\bat \//)
    }
  }
  way.mend()
  await until(
    () => ask('GET', '/health'),
    ({ body }) => body.status === 'ok',
  )
  const { status, body } = await ask('POST', '/api/v1/tasks', { body: laterTask(), headers: { 'idempotency-key': 'gone' } })
  expect(status).toBe(201)
  expect((await ask('GET', `/api/v1/tasks/${body.id}`)).status).toBe(200)
  expect((await ask('GET', '/api/v1/tasks')).body.data).toHaveLength(2)
})
