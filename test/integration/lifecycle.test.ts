import { describe, expect, test } from 'vitest'
import { expire } from '#domain/approvals/expire.ts'
import { STATUSES, TRANSITIONS } from '#domain/tasks/transitions.ts'
import { ToolError } from '#domain/world.ts'
import { planOf, post, scripted } from '../support/scripted-model.ts'
import { startService, until } from '../support/service.ts'
import { loggedTools } from '../support/tools.ts'

/** What the scripted model does is in the task's title. */
const model = scripted(async ({ situation, signal }) => {
  const title = situation?.task.title ?? ''
  if (title.includes('hang')) {
    await new Promise((_, failed) => signal.addEventListener('abort', () => failed(signal.reason)))
  }
  if (title.includes('rubbish')) return 'no JSON at all'
  if (title.includes('no steps')) return { ...planOf(), output: { answer: 42 } }
  if (title.includes('slow tool')) return planOf({ tool: 'slow', input: { text: 'x' }, why: 'asked' })
  if (title.includes('broken tool')) return planOf({ tool: 'broken', input: { text: 'x' }, why: 'asked' })
  return { ...planOf(post('hello')), confidence: title.includes('unsure') ? 0.2 : 0.9 }
})

const { source } = loggedTools(
  [
    { name: 'slow', idempotent: true },
    { name: 'broken', idempotent: true },
  ],
  ({ tool, signal }) => {
    if (tool === 'broken') throw new ToolError('it is broken', { retryable: false, outcome: 'none' })
    return new Promise((_, failed) => signal.addEventListener('abort', () => failed(signal.reason)))
  },
)

let now = () => new Date()
const { ask, world } = await startService({
  model,
  toolSources: [source],
  clock: { now: () => now() },
  env: { MAX_CONCURRENT_TASKS: '50' },
})

const tools = ['publish_post', 'create_task', 'slow', 'broken']
const AGENTS = { manual: 'community', copilot: 'publishing', autopilot: 'moderation' } as const
for (const agentType of Object.values(AGENTS)) await ask('PUT', `/api/v1/agents/${agentType}`, { body: { allowedSkills: tools } })

async function create(level: keyof typeof AGENTS, title: string, more = {}) {
  const { status, body } = await ask('POST', '/api/v1/tasks', {
    body: { agentType: AGENTS[level], title, taskType: 'test', ...more },
  })
  expect(status, JSON.stringify(body)).toBe(201)
  return body.id as string
}

const get = async (id: string) => (await ask('GET', `/api/v1/tasks/${id}`)).body
const reaches = (id: string, status: string) =>
  until(
    () => get(id),
    (task) => task.status === status,
  )

/** Brings a new task to that status, by the shortest way. */
async function taskThatIs(status: (typeof STATUSES)[number]) {
  const later = { scheduledFor: new Date(Date.now() + 3_600_000) }
  const ways = {
    queued: () => create('copilot', 'waits', later),
    planning: () => create('copilot', 'hang'),
    awaiting_approval: () => create('copilot', 'a step'),
    running: () => create('autopilot', 'slow tool'),
    completed: () => create('copilot', 'no steps'),
    failed: () => create('copilot', 'rubbish'),
    cancelled: async () => {
      const id = await create('copilot', 'waits', later)
      await ask('POST', `/api/v1/tasks/${id}/cancel`)
      return id
    },
  }
  const id = await ways[status]()
  await reaches(id, status)
  return id
}

const LIFE: Record<string, () => Promise<void>> = {
  'queued -> planning: claimed: due, dependencies completed': async () => {
    const first = await create('copilot', 'no steps')
    const id = await create('copilot', 'hang', { dependsOn: [first], scheduledFor: new Date(Date.now() + 50) })
    const task = await reaches(id, 'planning')
    expect((await get(first)).status).toBe('completed')
    expect(Date.parse(task.startedAt)).toBeGreaterThanOrEqual(Date.parse(task.scheduledFor))
  },
  'queued -> failed: a dependency failed or was cancelled': async () => {
    for (const end of ['failed', 'cancelled'] as const) {
      const waits = await create('copilot', 'waits', { scheduledFor: new Date(Date.now() + 3_600_000) })
      const first = end === 'failed' ? await create('copilot', 'rubbish') : waits
      const second = await create('copilot', 'no steps', { dependsOn: [first] })
      const third = await create('copilot', 'no steps', { dependsOn: [second] })
      if (end === 'cancelled') await ask('POST', `/api/v1/tasks/${first}/cancel`)
      expect((await reaches(third, 'failed')).error).toMatchObject({ code: 'dependency_failed' })
      expect((await get(second)).error.message).toContain(first)
      expect((await get(third)).startedAt).toBeNull()
    }
  },
  'planning -> completed: manual, or a plan without steps': async () => {
    const manual = await reaches(await create('manual', 'a step'), 'completed')
    expect(manual.output.suggestion).toMatchObject({
      summary: 'As scripted',
      steps: [{ index: 0, tool: 'publish_post', why: 'the script says so' }],
    })
    const without = await reaches(await create('copilot', 'no steps'), 'completed')
    expect(without.output).toEqual({ answer: 42 })
    expect(without.approval).toBeNull()
  },
  'planning -> awaiting_approval: copilot, or autopilot that escalates, with steps': async () => {
    const copilot = await reaches(await create('copilot', 'a step'), 'awaiting_approval')
    expect(copilot.approval).toMatchObject({ status: 'pending', proposedAction: { steps: copilot.plan.steps } })
    const escalates = await reaches(await create('autopilot', 'unsure'), 'awaiting_approval')
    expect(escalates.decisions.map((d: { decisionType: string }) => d.decisionType)).toContain('escalate')
  },
  'planning -> running: autopilot, with steps': async () => {
    const id = await create('autopilot', 'slow tool')
    const task = await until(
      () => get(id),
      ({ steps }) => steps.length > 0,
    )
    expect(task).toMatchObject({ status: 'running', approval: null })
    expect(task.steps).toMatchObject([{ index: 0, tool: 'slow', status: 'started' }])
  },
  'awaiting_approval -> running: approved, as proposed or edited': async () => {
    for (const editedAction of [undefined, { steps: [{ tool: 'publish_post', input: { platform: 'x', text: 'edited' } }] }]) {
      const { approval, id } = await get(await taskThatIs('awaiting_approval'))
      expect((await ask('POST', `/api/v1/approvals/${approval.id}/approve`, { body: { editedAction } })).status).toBe(200)
      const done = await reaches(id, 'completed')
      const { data } = (await ask('GET', `/api/v1/outbox?taskId=${id}`)).body
      expect(data.map((one: { payload: unknown }) => one.payload)).toEqual([
        { platform: 'x', text: editedAction ? 'edited' : 'hello' },
      ])
      expect(done.reasoningTrace.map((e: { type: string }) => e.type)).toEqual(
        expect.arrayContaining(['created', 'claimed', 'planned', 'approval_requested', 'approved', 'step_done', 'completed']),
      )
    }
  },
  'awaiting_approval -> cancelled: rejected': async () => {
    const { approval, id } = await get(await taskThatIs('awaiting_approval'))
    expect((await ask('POST', `/api/v1/approvals/${approval.id}/reject`, { body: { reason: 'off brand' } })).status).toBe(200)
    const task = await reaches(id, 'cancelled')
    expect(task.error).toEqual({ code: 'approval_rejected', message: 'Rejected: off brand' })
    expect((await ask('GET', `/api/v1/outbox?taskId=${id}`)).body.data).toEqual([])
  },
  'awaiting_approval -> failed: expired': async () => {
    const id = await taskThatIs('awaiting_approval')
    now = () => new Date(Date.now() + 25 * 3_600_000)
    await expire(world)
    now = () => new Date()
    const task = await get(id)
    expect(task).toMatchObject({ status: 'failed', error: { code: 'approval_expired' }, approval: { status: 'expired' } })
  },
  'running -> completed: every step has its result': async () => {
    const task = await reaches(await create('autopilot', 'a step'), 'completed')
    expect(task.steps).toMatchObject([
      { index: 0, tool: 'publish_post', status: 'done', output: { platform: 'x', accepted: true } },
    ])
    expect(task.output.steps).toEqual([{ index: 0, tool: 'publish_post', output: { platform: 'x', accepted: true } }])
  },
  'planning -> failed: it cannot go on': async () => {
    const task = await reaches(await create('copilot', 'rubbish'), 'failed')
    expect(task.error.code).toBe('plan_invalid')
    expect(task.finishedAt).not.toBeNull()
  },
  'running -> failed: it cannot go on': async () => {
    const task = await reaches(await create('autopilot', 'broken tool'), 'failed')
    expect(task.error).toEqual({ code: 'skill_failed', message: 'step 0 (broken): it is broken' })
  },
}

for (const from of ['queued', 'planning', 'running'] as const) {
  LIFE[`${from} -> cancelled: cancelled by a person, a parent or a crew`] = async () => {
    const parent = await taskThatIs('queued')
    const child = await create('copilot', 'waits', { parentTaskId: parent, scheduledFor: new Date(Date.now() + 3_600_000) })
    const grandchild = await create('copilot', 'a step', { parentTaskId: child })
    await reaches(grandchild, 'awaiting_approval')
    const id = await taskThatIs(from)
    for (const cancelled of [parent, id]) {
      const { status, body } = await ask('POST', `/api/v1/tasks/${cancelled}/cancel`, { body: { reason: 'not wanted' } })
      expect([status, body.status, body.error]).toEqual([
        200,
        'cancelled',
        { code: 'cancelled', message: 'Cancelled: not wanted' },
      ])
    }
    for (const below of [child, grandchild])
      expect(await get(below)).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } })
    expect((await get(grandchild)).approval.status).toBe('cancelled')
  }
}

describe('every row of the life-cycle table', () => {
  test('has a test here, and the other way round', () => {
    expect(Object.keys(LIFE).sort()).toEqual(TRANSITIONS.map(({ from, to, when }) => `${from} -> ${to}: ${when}`).sort())
  })
  for (const [row, happens] of Object.entries(LIFE)) test(row, happens)
})

describe('a change that the table lacks answers 409 and changes nothing', () => {
  for (const status of STATUSES) {
    test(`of a task that is ${status}`, async () => {
      const id = await taskThatIs(status)
      const final = ['completed', 'failed', 'cancelled'].includes(status)
      if (final) {
        const before = await get(id)
        const { status: code, body } = await ask('POST', `/api/v1/tasks/${id}/cancel`)
        expect([code, body.code]).toEqual([409, 'not_cancellable'])
        expect(await get(id)).toEqual(before)
        return
      }
      expect((await ask('POST', `/api/v1/tasks/${id}/cancel`)).status).toBe(200)
    })
  }
  for (const how of ['approve', 'reject', 'expire', 'cancel'] as const) {
    test(`of an approval that ended by ${how}`, async () => {
      const { approval, id } = await get(await taskThatIs('awaiting_approval'))
      if (how === 'cancel') await ask('POST', `/api/v1/tasks/${id}/cancel`)
      else if (how !== 'expire') await ask('POST', `/api/v1/approvals/${approval.id}/${how}`)
      now = () => new Date(Date.now() + (how === 'expire' ? 25 * 3_600_000 : 0))
      const code = how === 'expire' ? 'approval_expired' : 'approval_decided'
      for (const again of ['approve', 'reject']) {
        const { status, body } = await ask('POST', `/api/v1/approvals/${approval.id}/${again}`)
        expect([status, body.code]).toEqual([409, code])
      }
      now = () => new Date()
      expect(
        (
          await until(
            () => get(id),
            (task) => task.finishedAt !== null,
          )
        ).approval.status,
      ).toBe({ approve: 'approved', reject: 'rejected', expire: 'expired', cancel: 'cancelled' }[how])
    })
  }
})

test('a retry is no change of status: the lease is cleared and the next attempt set', async () => {
  const { source: flaky, calls } = loggedTools([{ name: 'slow', idempotent: true }], (_, nth) => {
    if (nth < 3) throw new ToolError('busy', { retryable: true, outcome: 'none' })
    return { ok: true }
  })
  const other = await startService({ model, toolSources: [flaky], settings: { retryBaseMs: 40, retryCapMs: 40 } })
  await other.ask('PUT', '/api/v1/agents/moderation', { body: { allowedSkills: tools } })
  const { body } = await other.ask('POST', '/api/v1/tasks', {
    body: { agentType: 'moderation', title: 'slow tool', taskType: 'test' },
  })
  const look = async () => (await other.ask('GET', `/api/v1/tasks/${body.id}`)).body
  const waiting = await until(look, (task) => task.nextAttemptAt !== null)
  expect(waiting.status).toBe('running')
  const done = await until(look, (task) => task.status === 'completed')
  expect(calls.map((call) => call.key)).toEqual([`${body.id}:0`, `${body.id}:0`, `${body.id}:0`])
  expect(done.reasoningTrace.filter((e: { type: string }) => e.type === 'retry')).toHaveLength(2)
})
