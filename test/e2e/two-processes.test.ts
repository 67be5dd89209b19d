import { expect, type TestContext, test } from 'vitest'
import { freshDatabase } from '../support/database.ts'
import { startOllamaStub } from '../support/ollama-stub.ts'
import { analyticsTask, query, startProgram, taskThatIs } from '../support/program.ts'
import { until } from '../support/service.ts'

const PLAN = JSON.stringify({ summary: 'All is well', confidence: 0.9, output: { said: 'by the model' }, steps: [] })

/** Two programs can be started on one database; the model answers a task whose title begins with "Slow" once `release` was called. */
async function twoOnOneDatabase({ onTestFinished }: TestContext) {
  const DATABASE_URL = await freshDatabase()
  let release = () => {}
  const released = new Promise<void>((done) => {
    release = done
  })
  const stub = await startOllamaStub({
    async answer({ messages }) {
      if (messages.some(({ content }) => content.includes('"title":"Slow'))) await released
      return PLAN
    },
  })
  onTestFinished(() => stub.close())
  const env = { DATABASE_URL, AI_PROVIDER: 'ollama', OLLAMA_BASE_URL: stub.url }
  return { DATABASE_URL, stub, release, start: (more = {}) => startProgram({ env: { ...env, ...more } }) }
}

const slow = { ...analyticsTask, title: 'Slow' }
const hangs = (stub: { open(): number }) =>
  until(
    async () => stub.open(),
    (open) => open === 1,
  )

test.concurrent('what is posted to a program that is saturated is worked on by the other', async (context) => {
  const { stub, release, start } = await twoOnOneDatabase(context)
  const [busy, idle] = await Promise.all([start({ MAX_CONCURRENT_TASKS: '1' }), start()])
  const held = await busy.ask('POST', '/api/v1/tasks', { body: slow })
  await hangs(stub)
  const made = await Promise.all(Array.from({ length: 5 }, () => busy.ask('POST', '/api/v1/tasks', { body: analyticsTask })))
  for (const { body } of made) await taskThatIs(idle.ask, body.id, 'completed', 3_000)
  expect((await busy.ask('GET', `/api/v1/tasks/${held.body.id}`)).body.status).toBe('planning') // it was busy all the time
  release()
  await taskThatIs(idle.ask, held.body.id, 'completed')
  await Promise.all([busy.stop(), idle.stop()])
})

test.concurrent('what waits in a program that is killed, and what it was working on, is done by the next one', async (context) => {
  const { DATABASE_URL, stub, release, start } = await twoOnOneDatabase(context)
  const first = await start({ MAX_CONCURRENT_TASKS: '1' })
  const held = await first.ask('POST', '/api/v1/tasks', { body: slow })
  await hangs(stub)
  const waits = await first.ask('POST', '/api/v1/tasks', { body: analyticsTask })
  await first.stop('SIGKILL')
  const second = await start()
  await taskThatIs(second.ask, waits.body.id, 'completed', 3_000)
  // A lease lasts 30 s and no variable shortens it. Its end is moved to now, so that the test need not wait for it.
  await query(DATABASE_URL, 'UPDATE "AgentTask" SET "dueAt" = now() WHERE "id" = $1 AND "leaseToken" IS NOT NULL', [held.body.id])
  release()
  await second.ask('POST', '/api/v1/tasks', { body: analyticsTask }) // any signal makes a worker look for what has come due
  const task = await taskThatIs(second.ask, held.body.id, 'completed')
  expect(task.attempts).toBe(2)
  await second.stop()
})

test('a cancel on one program aborts the call in flight on the other within a second', async (context) => {
  const { stub, start } = await twoOnOneDatabase(context)
  const [works, cancels] = await Promise.all([start(), start()])
  const { body } = await works.ask('POST', '/api/v1/tasks', { body: slow })
  await hangs(stub)
  const askedAt = performance.now()
  const cancelled = await cancels.ask('POST', `/api/v1/tasks/${body.id}/cancel`, { body: { reason: 'changed my mind' } })
  expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled' } })
  const call = await stub.requests.find(({ path }) => path === '/api/chat')?.ended
  expect(call?.aborted).toBe(true)
  expect((call?.at ?? Number.POSITIVE_INFINITY) - askedAt).toBeLessThan(1_000)
  const after = await works.ask('GET', `/api/v1/tasks/${body.id}`)
  expect(after.body).toMatchObject({ status: 'cancelled', error: { code: 'cancelled', message: 'Cancelled: changed my mind' } })
  await Promise.all([works.stop(), cancels.stop()])
})

test.concurrent('the event stream of one program shows at once what the other does, and ends with the task', async (context) => {
  const { stub, release, start } = await twoOnOneDatabase(context)
  const [works, watches] = await Promise.all([start(), start()])
  const { body } = await works.ask('POST', '/api/v1/tasks', { body: slow })
  await hangs(stub)
  const response = await fetch(`${watches.url}/api/v1/tasks/${body.id}/events`)
  const pieces = (response.body as ReadableStream<Uint8Array>)[Symbol.asyncIterator]()
  let said = ''
  while (!said.includes('event: claimed')) said += Buffer.from((await pieces.next()).value as Uint8Array).toString()
  expect(said).not.toContain('event: completed')
  const releasedAt = performance.now()
  release()
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) said += Buffer.from(next.value).toString()
  expect(performance.now() - releasedAt).toBeLessThan(2_000) // told, not polled for
  expect(said.match(/^event: (created|claimed|planned|completed)$/gm)).toEqual(
    ['created', 'claimed', 'planned', 'completed'].map((type) => `event: ${type}`),
  )
  await Promise.all([works.stop(), watches.stop()])
})
