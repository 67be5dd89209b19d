import { describe, expect, test } from 'vitest'
import { createTask } from '#domain/tasks/create.ts'
import { getTask } from '#domain/tasks/get.ts'
import { sweep } from '#domain/tasks/sweep.ts'
import { startWorker } from '#domain/tasks/worker.ts'
import { ToolError } from '#domain/world.ts'
import type { LiveWorld } from '#platform/world.ts'
import { CANCEL_CHANNEL } from '#platform/world.ts'
import { freshDatabase } from '../support/database.ts'
import { cuttable } from '../support/proxy.ts'
import { planOf, scripted } from '../support/scripted-model.ts'
import { startService, until } from '../support/service.ts'
import { type Call, loggedTools } from '../support/tools.ts'
import { testWorld } from '../support/world.ts'

const call = (tool: string, text = 'x') => ({ tool, input: { text }, why: 'the test says so' })
const model = scripted(({ situation }) => planOf(...((situation?.task.input.steps ?? []) as never[])))

const untilAborted = ({ signal }: Call) =>
  new Promise<never>((_, failed) => signal.addEventListener('abort', () => failed(signal.reason)))

async function service(
  work: (call: Call, nth: number) => Promise<unknown> | unknown,
  more: Parameters<typeof startService>[0] = {},
) {
  const tools = loggedTools(
    [
      { name: 'careful', idempotent: true },
      { name: 'once', idempotent: false },
    ],
    work as never,
  )
  const running = await startService({ model, toolSources: [tools.source], ...more })
  await running.ask('PUT', '/api/v1/agents/moderation', {
    body: { allowedSkills: ['careful', 'once', 'publish_post', 'create_task'] },
  })
  const get = async (id: string) => (await running.ask('GET', `/api/v1/tasks/${id}`)).body
  const create = async (steps: object[], task: object = {}) => {
    const body = { agentType: 'moderation', title: 'work', taskType: 'test', input: { steps }, ...task }
    return (await running.ask('POST', '/api/v1/tasks', { body })).body.id as string
  }
  const reaches = (id: string, status: string) =>
    until(
      () => get(id),
      (task) => task.status === status,
    )
  return { ...running, ...tools, get, create, reaches }
}

describe('cancelling', () => {
  test('aborts the call in flight at once, and no step starts after it', async () => {
    const { ask, create, calls, get } = await service(untilAborted)
    const id = await create([call('careful'), call('careful')])
    const [first] = await until(
      async () => calls,
      (seen) => seen.length === 1,
    )
    const asked = performance.now()
    await ask('POST', `/api/v1/tasks/${id}/cancel`)
    await until(async () => first?.signal.aborted, Boolean)
    expect(performance.now() - asked).toBeLessThan(1_000)
    expect(await get(id)).toMatchObject({ status: 'cancelled', steps: [{ index: 0, status: 'started' }] })
    expect(calls).toHaveLength(1)
  })

  test('aborts the call of a worker in another process, by its signal or, when that is lost, by its heartbeat', async () => {
    const databaseUrl = await freshDatabase()
    const { source, calls } = loggedTools([{ name: 'careful', idempotent: true }], untilAborted)
    const elsewhere = await testWorld({ databaseUrl, model, toolSources: [source], settings: { leaseMs: 300 } })
    const worker = startWorker(elsewhere, { agentTypes: ['moderation'], slots: 4 }) // hears no cancellation: only its heartbeat tells
    const api = await startService({ databaseUrl, model, settings: { leaseMs: 300 } })
    await api.ask('PUT', '/api/v1/agents/moderation', { body: { allowedSkills: ['careful'] } })
    const body = {
      agentType: 'moderation',
      title: 'work',
      taskType: 'test',
      scheduledFor: new Date(Date.now() + 3_600_000),
      input: { steps: [call('careful')] },
    }
    const { id } = (await api.ask('POST', '/api/v1/tasks', { body })).body
    await elsewhere.sql.run({ name: '', text: `UPDATE "AgentTask" SET "ready" = true WHERE "id" = $1` }, [id])
    worker.look()
    await until(
      async () => calls.length,
      (n) => n === 1,
    )
    await api.ask('POST', `/api/v1/tasks/${id}/cancel`)
    await until(async () => calls[0]?.signal.aborted, Boolean, 2_000)
    await worker.drain(0)
  })
})

describe('a lease', () => {
  test('is renewed for as long as the work takes: nobody else takes the task', async () => {
    const { create, reaches, calls, get } = await service(
      () => new Promise((done) => setTimeout(() => done({ ok: true }), 900)),
      { settings: { leaseMs: 250 } },
    )
    const id = await create([call('once')])
    await reaches(id, 'running')
    const task = await reaches(id, 'completed')
    expect(calls).toHaveLength(1)
    expect(task.reasoningTrace.filter(({ type }: { type: string }) => type === 'claimed')).toHaveLength(1)
    expect((await get(id)).attempts).toBe(1)
  })

  test('that ran out lets another worker go on from the last recorded step', async () => {
    const databaseUrl = await freshDatabase()
    const { source, calls } = loggedTools([{ name: 'careful', idempotent: true }], (seen, nth) =>
      nth === 2 ? new Promise(() => {}) : { nth, text: seen.input.text ?? '' },
    )
    const parts = { databaseUrl, model, toolSources: [source] }
    // A heartbeat every 100 s is none: this worker hangs in its second step and never says so.
    const first: LiveWorld = await testWorld({ ...parts, settings: { leaseMs: 300_000, toolTimeoutMs: 300_000 } })
    const lost = startWorker(first, { agentTypes: ['moderation'], slots: 1 })
    const api = await startService(parts)
    await api.ask('PUT', '/api/v1/agents/moderation', { body: { allowedSkills: ['careful'] } })
    api.world.queue.serve(lost.offer)
    const body = {
      agentType: 'moderation',
      title: 'work',
      taskType: 'test',
      input: { steps: [call('careful', 'a'), call('careful', 'b')] },
    }
    const { id } = (await api.ask('POST', '/api/v1/tasks', { body })).body
    await until(
      async () => calls.length,
      (n) => n === 2,
    )
    await first.sql.run({ name: '', text: `UPDATE "AgentTask" SET "dueAt" = now() - interval '1 second' WHERE "id" = $1` }, [id])
    const second = startWorker(await testWorld(parts), { agentTypes: ['moderation'], slots: 1 })
    second.look()
    const task = await until(
      async () => (await api.ask('GET', `/api/v1/tasks/${id}`)).body,
      ({ status }) => status === 'completed',
    )
    expect(calls.map(({ key, input }) => [key, input.text])).toEqual([
      [`${id}:0`, 'a'],
      [`${id}:1`, 'b'],
      [`${id}:1`, 'b'],
    ])
    expect(task.output.steps.map(({ output }: { output: { nth: number } }) => output.nth)).toEqual([1, 3])
    await second.drain(0)
    await lost.drain(0)
  })
})

describe('a step that fails', () => {
  const failing = (error: () => Error) => (_: Call, nth: number) => {
    if (nth === 1) throw error()
    return { ok: true }
  }

  test.each([
    ['careful', true, 'none', 'completed', 2],
    ['careful', true, 'unknown', 'completed', 2],
    ['once', true, 'none', 'completed', 2],
    ['once', true, 'unknown', 'outcome_unknown', 1],
    ['careful', false, 'none', 'skill_failed', 1],
  ] as const)('%s, retryable %s, outcome %s: ends %s after %i calls', async (tool, retryable, outcome, end, times) => {
    const { create, get, calls } = await service(failing(() => new ToolError('no luck', { retryable, outcome })))
    const id = await create([call(tool)])
    const task = await until(
      () => get(id),
      ({ finishedAt }) => finishedAt !== null,
    )
    expect(task.error?.code ?? task.status).toBe(end)
    expect(calls).toHaveLength(times)
  })

  test("is tried five times in all, then the task fails with the tool's own words", async () => {
    const { create, get, calls } = await service(() => {
      throw new ToolError('still busy', { retryable: true, outcome: 'none' })
    })
    const id = await create([call('careful')])
    const task = await until(
      () => get(id),
      ({ finishedAt }) => finishedAt !== null,
    )
    expect(task.error).toEqual({ code: 'skill_failed', message: 'step 0 (careful): still busy' })
    expect(calls).toHaveLength(5)
  })

  test('by taking too long: an idempotent tool is asked again, the other is not', async () => {
    const { create, get, calls } = await service(untilAborted, { settings: { toolTimeoutMs: 30 } })
    const again = await create([call('careful')])
    const never = await create([call('once')])
    const [first, second] = await Promise.all(
      [again, never].map((id) =>
        until(
          () => get(id),
          ({ finishedAt }) => finishedAt !== null,
        ),
      ),
    )
    expect([first?.error.code, second?.error.code]).toEqual(['timeout', 'outcome_unknown'])
    expect(calls.filter(({ tool }) => tool === 'careful')).toHaveLength(5)
    expect(calls.filter(({ tool }) => tool === 'once')).toHaveLength(1)
  })
})

test('a step with notBefore waits for its time without a lease, and what came before is not run again', async () => {
  const { create, get, calls, reaches } = await service(() => ({ ok: true }))
  const notBefore = new Date(Date.now() + 400).toISOString()
  const id = await create([call('careful', 'now'), { ...call('careful', 'later'), notBefore }])
  const waiting = await until(
    () => get(id),
    ({ nextAttemptAt }) => nextAttemptAt !== null,
  )
  expect(waiting).toMatchObject({ status: 'running', nextAttemptAt: notBefore, steps: [{ index: 0, status: 'done' }] })
  await reaches(id, 'completed')
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(notBefore))
  expect(calls.map(({ input }) => input.text)).toEqual(['now', 'later'])
})

test('what an agent wants beyond its plan is a child task with a gate of its own', async () => {
  const { create, reaches, ask } = await service(() => ({ ok: true }))
  const child = {
    agentType: 'publishing',
    title: 'Post it',
    taskType: 'post',
    input: { steps: [{ tool: 'publish_post', input: { platform: 'x', text: 'hi' }, why: 'asked' }] },
  }
  const id = await create([{ tool: 'create_task', input: child, why: 'somebody else does it' }])
  const parent = await reaches(id, 'completed')
  expect(parent.decisions.map(({ decisionType }: { decisionType: string }) => decisionType)).toContain('delegate')
  const { data } = (await ask('GET', '/api/v1/tasks?agentType=publishing')).body
  expect(data).toMatchObject([{ parentTaskId: id, title: 'Post it' }])
  await reaches(data[0].id, 'awaiting_approval')
})

test('what was approved runs, whatever is allowed by then', async () => {
  const { create, reaches, ask, calls } = await service(() => ({ ok: true }))
  await ask('PUT', '/api/v1/agents/moderation', { body: { autonomyLevel: 'copilot' } })
  const task = await reaches(await create([call('careful')]), 'awaiting_approval')
  await ask('PUT', '/api/v1/agents/moderation', { body: { allowedSkills: [], autonomyLevel: 'manual', isEnabled: false } })
  expect((await ask('POST', `/api/v1/approvals/${task.approval.id}/approve`)).status).toBe(200)
  await reaches(task.id, 'completed')
  expect(calls).toHaveLength(1)
})

test('a result is kept while the database is away for a moment', async () => {
  const way = await cuttable(await freshDatabase())
  let finish: (output: unknown) => void = () => {}
  const { source, calls } = loggedTools(
    [{ name: 'once', idempotent: false }],
    () =>
      new Promise((done) => {
        finish = done as never
      }),
  )
  const { ask } = await startService({ model, databaseUrl: way.url, toolSources: [source] })
  await ask('PUT', '/api/v1/agents/moderation', { body: { allowedSkills: ['once'] } })
  const body = { agentType: 'moderation', title: 'work', taskType: 'test', input: { steps: [call('once')] } }
  const { id } = (await ask('POST', '/api/v1/tasks', { body })).body
  await until(
    async () => calls.length,
    (n) => n === 1,
  )
  way.cut()
  await until(
    () => ask('GET', `/api/v1/tasks/${id}`),
    ({ status }) => status === 503,
  )
  finish({ ok: true })
  await until(
    () => ask('GET', `/api/v1/tasks/${id}`),
    ({ status }) => status === 503,
  )
  way.mend()
  const task = await until(
    () => ask('GET', `/api/v1/tasks/${id}`),
    ({ body: seen }) => seen?.finishedAt,
  )
  expect([task.body.status, calls.length]).toEqual(['completed', 1])
})

test('a tool source that is down when a step is to run is waited for', async () => {
  const { source, calls } = loggedTools([{ name: 'careful', idempotent: true }])
  let asked = 0
  const flaky = {
    name: 'flaky',
    tools: (orgId: string) => (++asked === 2 ? Promise.reject(new Error('it is down')) : source.tools(orgId)),
  }
  const { ask } = await startService({ model, toolSources: [flaky] })
  await ask('PUT', '/api/v1/agents/moderation', { body: { allowedSkills: ['careful'] } })
  const body = { agentType: 'moderation', title: 'work', taskType: 'test', input: { steps: [call('careful')] } }
  const { id } = (await ask('POST', '/api/v1/tasks', { body })).body
  const task = await until(
    async () => (await ask('GET', `/api/v1/tasks/${id}`)).body,
    ({ finishedAt }) => finishedAt !== null,
  )
  expect(task.status).toBe('completed')
  expect(task.reasoningTrace.find(({ type }: { type: string }) => type === 'retry').message).toContain(
    'flaky does not answer (it is down)',
  )
  expect(calls).toHaveLength(1)
})

test('what signals lost is found by the sweep', async () => {
  const api = await startService({ model })
  api.world.queue.serve(() => true) // takes every signal and does nothing: they are lost
  const { id } = (
    await api.ask('POST', '/api/v1/tasks', {
      body: { agentType: 'moderation', title: 'lost', taskType: 'test', input: { steps: [] } },
    })
  ).body
  const worker = startWorker(api.world, { agentTypes: ['moderation'], slots: 1 })
  api.world.queue.serve(worker.offer)
  await sweep(api.world)
  await until(
    async () => (await api.ask('GET', `/api/v1/tasks/${id}`)).body.status,
    (status) => status === 'completed',
  )
  await worker.drain(0)
})

test('draining gives a plan back at once and lets a step finish', async () => {
  const databaseUrl = await freshDatabase()
  let release: (value: unknown) => void = () => {}
  const { source, calls } = loggedTools(
    [{ name: 'careful', idempotent: true }],
    () =>
      new Promise((done) => {
        release = done as never
      }),
  )
  const slow = scripted(({ situation, signal }) =>
    situation?.task.title === 'thinks'
      ? new Promise((_, failed) => signal.addEventListener('abort', () => failed(signal.reason)))
      : planOf(call('careful', 'a'), call('careful', 'b')),
  )
  const world = await testWorld({ databaseUrl, model: slow, toolSources: [source] })
  const api = await startService({ databaseUrl, model: slow, env: { MAX_CONCURRENT_TASKS: '1' } })
  await api.ask('PUT', '/api/v1/agents/moderation', { body: { allowedSkills: ['careful'] } })
  await api.drain()
  const worker = startWorker(world, { agentTypes: ['moderation'], slots: 4 })
  world.queue.serve(worker.offer)
  world.listener.on(CANCEL_CHANNEL, worker.cancelled)
  const ask = (title: string) =>
    createTask(world, 'local', { agentType: 'moderation', title, taskType: 'test', input: {}, priority: 5 })
  const [thinks, acts] = [await ask('thinks'), await ask('acts')]
  await until(
    async () => [calls.length, (await getTask(world, 'local', thinks.id)).status],
    ([n, status]) => n === 1 && status === 'planning',
  )
  const drained = worker.drain(5_000)
  await until(
    () => getTask(world, 'local', thinks.id),
    (task) => task.reasoningTrace.at(-1)?.type === 'given_back',
  )
  release({ ok: true })
  await drained
  const acted = await getTask(world, 'local', acts.id)
  expect(acted).toMatchObject({ status: 'running', steps: [{ index: 0, status: 'done' }], attempts: 0 })
  expect(calls).toHaveLength(1)
  expect(worker.busy()).toBe(0)
})
