import pg from 'pg'
import { expect, type TestContext, test } from 'vitest'
import { isAlive } from '#platform/process.ts'
import { freshDatabase } from '../support/database.ts'
import { type OllamaAnswer, startOllamaStub } from '../support/ollama-stub.ts'
import { analyticsTask, embeddedPid, newDataDir, query, run, startProgram, taskThatIs } from '../support/program.ts'
import { until } from '../support/service.ts'

const PLAN = JSON.stringify({ summary: 'All is well', confidence: 0.9, output: { said: 'by the model' }, steps: [] })

/** An Ollama whose first answers are these, and then the plan. */
async function ollama(onTestFinished: TestContext['onTestFinished'], ...first: OllamaAnswer[]) {
  const stub = await startOllamaStub({ answer: (_, nth) => first[nth - 1] ?? PLAN })
  onTestFinished(() => stub.close())
  return { stub, env: { AI_PROVIDER: 'ollama', OLLAMA_BASE_URL: stub.url } }
}

/** What became of the task, without what happened in between. */
const life = (task: { reasoningTrace: { type: string }[] }) =>
  task.reasoningTrace
    .map(({ type }) => type)
    .filter((type) => ['created', 'claimed', 'given_back', 'completed', 'failed'].includes(type))

test.concurrent('SIGINT while the model thinks gives the task back at once, and the next start completes it', async ({
  onTestFinished,
}) => {
  const { stub, env } = await ollama(onTestFinished, 'hang')
  const DATABASE_URL = await freshDatabase()
  const first = await startProgram({ env: { ...env, DATABASE_URL } })
  const { body: made } = await first.ask('POST', '/api/v1/tasks', { body: analyticsTask })
  await until(
    async () => stub.chats.length,
    (calls) => calls === 1,
  )
  const ended = await first.stop()
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  expect(ended.stdout).toContain('Draining')
  expect(stub.aborted()).toBe(1)
  const [left] = await query(DATABASE_URL, 'SELECT *, "dueAt" <= now() AS "isDue" FROM "AgentTask" WHERE "id" = $1', [made.id])
  expect(left).toMatchObject({ status: 'planning', leaseToken: null, isDue: true, attempts: 0 })

  const second = await startProgram({ env: { ...env, DATABASE_URL } })
  const task = await taskThatIs(second.ask, made.id, 'completed')
  expect(task.output).toMatchObject({ said: 'by the model' })
  expect(life(task)).toEqual(['created', 'claimed', 'given_back', 'claimed', 'completed'])
  await second.stop()
})

test.concurrent('SIGINT while a step runs lets it finish, and writes its result once', async ({ onTestFinished }) => {
  const DATABASE_URL = await freshDatabase()
  const program = await startProgram({ env: { DATABASE_URL } })
  const post = { agentType: 'publishing', title: 'Say hello', taskType: 'post', input: { platform: 'x', text: 'Hello' } }
  const { body: made } = await program.ask('POST', '/api/v1/tasks', { body: post })
  const { approval } = await taskThatIs(program.ask, made.id, 'awaiting_approval')
  const holder = new pg.Client({ connectionString: DATABASE_URL })
  await holder.connect()
  onTestFinished(() => holder.end())
  await holder.query('BEGIN; LOCK TABLE "Delivery" IN EXCLUSIVE MODE') // the step's result cannot be written until this ends
  await program.ask('POST', `/api/v1/approvals/${approval.id}/approve`, { body: {} })
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  await until(
    () => query(DATABASE_URL, waiting),
    (rows) => rows.length > 0,
  )
  program.signal('SIGINT')
  await until(
    async () => program.stdout(),
    (said) => said.includes('Draining'),
  )
  await holder.query('COMMIT')
  expect(await program.ended).toMatchObject({ code: 0, stderr: '' })
  const [task] = await query(DATABASE_URL, 'SELECT "status" FROM "AgentTask" WHERE "id" = $1', [made.id])
  const deliveries = await query(DATABASE_URL, 'SELECT "channel" FROM "Delivery" WHERE "taskId" = $1', [made.id])
  expect({ ...task, deliveries: deliveries.length }).toEqual({ status: 'completed', deliveries: 1 })
})

test.concurrent('SIGTERM ends the event streams that are open, then the embedded PostgreSQL', async ({ onTestFinished }) => {
  const { stub, env } = await ollama(onTestFinished, 'hang')
  const DATA_DIR = newDataDir()
  const program = await startProgram({ env: { ...env, DATA_DIR } })
  const { body: made } = await program.ask('POST', '/api/v1/tasks', { body: analyticsTask })
  const response = await fetch(`${program.url}/api/v1/tasks/${made.id}/events`)
  const streamEnds = response.text().then(
    () => 'ended',
    () => 'cut',
  )
  await until(
    async () => stub.chats.length,
    (calls) => calls === 1,
  )
  const postgres = embeddedPid(DATA_DIR) as number
  const sentAt = performance.now()
  const ended = await program.stop('SIGTERM')
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  expect(await streamEnds).toMatch(/^(ended|cut)$/)
  expect(performance.now() - sentAt).toBeLessThan(6_000)
  expect(isAlive(postgres)).toBe(false)
})

test.concurrent('a second Ctrl-C leaves at once', async ({ onTestFinished }) => {
  const { stub, env } = await ollama(onTestFinished, 'hang')
  const program = await startProgram({ env: { ...env, DATABASE_URL: await freshDatabase() } })
  const { body: made } = await program.ask('POST', '/api/v1/tasks', { body: analyticsTask })
  await until(
    async () => stub.chats.length,
    (calls) => calls === 1,
  )
  const stream = await fetch(`${program.url}/api/v1/tasks/${made.id}/events`) // an open stream holds the drain up for a moment
  program.signal('SIGINT')
  await until(
    async () => program.stdout(),
    (said) => said.includes('Draining'),
  )
  expect(await program.stop('SIGINT')).toMatchObject({ code: 130 })
  await stream.text().catch(() => {})
})

test.concurrent('Ctrl-C in the middle of the first start leaves no PostgreSQL behind', async () => {
  const DATA_DIR = newDataDir()
  const starting = run({ env: { DATA_DIR, PORT: '0', AI_PROVIDER: 'builtin' } })
  const postgres = await until(
    async () => embeddedPid(DATA_DIR),
    (pid) => pid !== null,
    20_000,
  )
  starting.signal('SIGINT')
  expect(await starting.ended).toMatchObject({ code: 0, stderr: '' })
  expect(isAlive(postgres as number)).toBe(false)
})

test.concurrent('after SIGKILL in mid-task the next start finds the database still running, takes the task up and completes it', async ({
  onTestFinished,
}) => {
  const { stub, env } = await ollama(onTestFinished, 'hang')
  const DATA_DIR = newDataDir()
  const first = await startProgram({ env: { ...env, DATA_DIR } })
  const { body: made } = await first.ask('POST', '/api/v1/tasks', { body: analyticsTask })
  await until(
    async () => stub.chats.length,
    (calls) => calls === 1,
  )
  const postgres = embeddedPid(DATA_DIR)
  expect(await first.stop('SIGKILL')).toMatchObject({ code: null, signal: 'SIGKILL' })
  expect(embeddedPid(DATA_DIR)).toBe(postgres)
  // A lease lasts 30 s and no variable shortens it. Its end is moved to now, so that the test need not wait for it.
  const moved = `UPDATE "AgentTask" SET "dueAt" = now() WHERE "id" = $1 AND "status" = 'planning' AND "leaseToken" IS NOT NULL RETURNING "id"`
  expect(await query(DATA_DIR, moved, [made.id])).toHaveLength(1)

  const second = await startProgram({ env: { ...env, DATA_DIR } })
  expect(embeddedPid(DATA_DIR)).toBe(postgres)
  const task = await taskThatIs(second.ask, made.id, 'completed')
  expect(life(task)).toEqual(['created', 'claimed', 'claimed', 'completed'])
  expect(await second.stop()).toMatchObject({ code: 0 })
  expect(embeddedPid(DATA_DIR)).toBeNull()
})
