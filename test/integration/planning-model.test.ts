import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, describe, expect, test } from 'vitest'
import { createTask } from '#domain/tasks/create.ts'
import { getTask } from '#domain/tasks/get.ts'
import { runNext } from '#domain/tasks/run.ts'
import { ollama } from '#platform/llm/ollama.ts'
import { type OllamaAnswer, type OllamaBody, startOllamaStub } from '../support/ollama-stub.ts'
import { planOf, post } from '../support/scripted-model.ts'
import { startService, until } from '../support/service.ts'
import { testWorld } from '../support/world.ts'

// Planning with a model that is a server: here Ollama, and what can go wrong with it.

const good = JSON.stringify(planOf(post('hello')))
const lookUp = JSON.stringify({ lookUps: [{ tool: 'suggest_times', input: { platform: 'x' }, why: 'to know when' }] })

let answer: (body: OllamaBody, nth: number) => OllamaAnswer | Promise<OllamaAnswer> = () => good
let asked = 0
const stub = await startOllamaStub({ answer: (body) => answer(body, ++asked), tokens: { in: 100, out: 20 } })
afterAll(() => stub.close())

/** From now on the server answers like this; the first call is the first again. */
function says(...said: OllamaAnswer[]) {
  asked = 0
  answer = (_, nth) => said[Math.min(nth, said.length) - 1] as OllamaAnswer
}

const worldOf = (url: string, model = 'llama2', settings = {}) => testWorld({ model: ollama({ baseUrl: url, model }), settings })
const world = await worldOf(stub.url)
type Host = typeof world

async function created(host: Host) {
  const ask = { agentType: 'publishing', title: 'A task', taskType: 'test', input: {}, priority: 5 }
  return (await createTask(host, 'local', ask)).id
}

/** Works on the task whenever it is due, until it ends or waits for a person. */
async function worked(host: Host, id: string) {
  return until(
    async () => {
      await runNext(host, 'publishing')
      return getTask(host, 'local', id)
    },
    ({ status }) => !['queued', 'planning', 'running'].includes(status),
  )
}

const retriesOf = (task: Awaited<ReturnType<typeof getTask>>) => task.reasoningTrace.filter(({ type }) => type === 'retry')

describe('a model that does not answer', () => {
  test('is asked in five attempts, and then the task ends: llm_unavailable, with the URL', async () => {
    const port = await unusedPort()
    const gone = await worldOf(`http://127.0.0.1:${port}`)
    const id = await created(gone)
    await runNext(gone, 'publishing')
    const once = await getTask(gone, 'local', id)
    expect(once).toMatchObject({ status: 'planning', attempts: 1, error: null, nextAttemptAt: expect.any(String) })
    const task = await worked(gone, id)
    expect(task).toMatchObject({ status: 'failed', attempts: 5, error: { code: 'llm_unavailable' }, plan: null })
    expect(task.error?.message).toContain(`http://127.0.0.1:${port}`)
    expect(retriesOf(task).map(({ data }) => data)).toMatchObject(
      [1, 2, 3, 4].map((attempt) => ({ code: 'llm_unavailable', attempt })),
    )
  })

  test('for a while only costs time: the task goes on when it is back', async () => {
    says({ status: 500, body: { error: 'out of memory' } }, 'cut', { pieces: ['{"summ'], end: 'early' }, good)
    const task = await worked(world, await created(world))
    expect(task).toMatchObject({ status: 'awaiting_approval', usage: { tokensIn: 100, tokensOut: 20 } })
    expect(retriesOf(task).map(({ message }) => message)).toEqual([
      expect.stringContaining('answered 500: out of memory'),
      expect.stringContaining(stub.url),
      expect.stringContaining('broke off'),
    ])
  })

  test('until a time that it names is not asked before', async () => {
    says({ status: 429, body: { error: 'slow down' }, headers: { 'retry-after': '7' } })
    const id = await created(world)
    const before = Date.now()
    await runNext(world, 'publishing')
    const task = await getTask(world, 'local', id)
    expect(task.status).toBe('planning')
    expect(Date.parse(task.nextAttemptAt ?? '') - before).toBeGreaterThanOrEqual(7_000)
    expect(retriesOf(task)[0]?.data).toMatchObject({ pauseMs: 7_000 })
    expect(await runNext(world, 'publishing')).toBe(false) // nothing is due
  })

  test('ever is given up after the time limit, its connection is closed, and it is asked again', async () => {
    const impatient = await worldOf(stub.url, 'llama2', { modelTimeoutMs: 300 })
    says('hang', { pieces: ['{"summ'], end: 'hang' }, good)
    const before = stub.requests.length
    const task = await worked(impatient, await created(impatient))
    expect(task.status).toBe('awaiting_approval')
    expect(retriesOf(task)).toHaveLength(2)
    for (const { message, data } of retriesOf(task)) {
      expect(message).toContain('ollama llama2: no answer within 0.3 s')
      expect(data).toMatchObject({ code: 'llm_unavailable' })
    }
    const ends = await Promise.all(stub.requests.slice(before).map(({ ended }) => ended))
    expect(ends.map(({ aborted }) => aborted)).toEqual([true, true, false])
  })

  test('because the server does not have it ends the task at once: llm_unavailable, with what to do', async () => {
    const lacking = await worldOf(stub.url, 'llama3')
    const id = await created(lacking)
    await runNext(lacking, 'publishing')
    const task = await getTask(lacking, 'local', id)
    expect(task).toMatchObject({ status: 'failed', attempts: 1, error: { code: 'llm_unavailable' } })
    expect(task.error?.message).toContain('ollama pull llama3')
    expect(retriesOf(task)).toEqual([])
  })
})

describe('with Ollama, through the API', async () => {
  const { ask } = await startService({ model: ollama({ baseUrl: stub.url, model: 'llama2' }) })
  const create = async () =>
    (
      await ask('POST', '/api/v1/tasks', {
        body: { agentType: 'publishing', title: 'Post about spring', taskType: 'schedule_post', input: { topic: 'spring' } },
      })
    ).body.id as string
  const get = async (id: string) => (await ask('GET', `/api/v1/tasks/${id}`)).body
  const reaches = (id: string, status: string) =>
    until(
      () => get(id),
      (task) => task.status === status,
    )

  test('a task is planned after a look-up, approved, and its post waits in the outbox', async () => {
    says(lookUp, 'That is a plan!', good)
    const before = stub.chats.length
    const id = await create()
    const waiting = await reaches(id, 'awaiting_approval')
    expect(waiting.plan).toMatchObject({ summary: 'As scripted', steps: [{ index: 0, tool: 'publish_post' }] })
    expect(waiting.usage).toEqual({ tokensIn: 300, tokensOut: 60 })
    expect(waiting.decisions.map((one: { decisionType: string }) => one.decisionType)).toEqual(['tool_call', 'plan'])
    const trace = waiting.reasoningTrace.map(({ type }: { type: string }) => type)
    expect(trace).toEqual([
      'created',
      'claimed',
      'model_answered',
      'looked_up',
      'model_answered',
      'answer_invalid',
      'model_answered',
      'planned',
      'approval_requested',
    ])
    const [first, second, third] = stub.chats.slice(before)
    expect(first).toMatchObject({ model: 'llama2', stream: true, options: { temperature: 0 } })
    expect(JSON.stringify(first?.format)).toContain('{"const":"publish_post"}')
    expect(second?.messages.at(-1)?.content).toContain('Looked up so far')
    expect(third?.messages.slice(-2)).toEqual([
      { role: 'assistant', content: 'That is a plan!' },
      { role: 'user', content: expect.stringContaining('no JSON') },
    ])
    await ask('POST', `/api/v1/approvals/${waiting.approval.id}/approve`, { body: { actionHash: waiting.approval.actionHash } })
    await reaches(id, 'completed')
    const { data } = (await ask('GET', `/api/v1/outbox?taskId=${id}`)).body
    expect(data.map((one: { payload: unknown }) => one.payload)).toEqual([{ platform: 'x', text: 'hello' }])
    expect(stub.chats.length - before).toBe(3) // no model spoke after the approval
  })

  test('cancelling a task in mid-answer closes the connection to the model', async () => {
    const begun = Promise.withResolvers<void>()
    const end = () => {
      begun.resolve()
      return 'hang' as const
    }
    says({ pieces: ['{"summ'], end })
    const id = await create()
    await begun.promise
    expect((await ask('POST', `/api/v1/tasks/${id}/cancel`)).status).toBe(200)
    expect(await stub.requests.at(-1)?.ended).toMatchObject({ aborted: true })
    expect(await get(id)).toMatchObject({ status: 'cancelled', plan: null })
  })
})

/** A port of which nobody listens. */
async function unusedPort() {
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}
