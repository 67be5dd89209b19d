import { describe, expect, test } from 'vitest'
import { AUTONOMY_LEVELS } from '#agents/define.ts'
import { agents } from '#agents/index.ts'
import { startService, until } from '../support/service.ts'

const { ask } = await startService()

/** A task that gives each agent something to do, by its own playbook. */
const WORK: Record<string, { taskType: string; input: object }> = {
  content: {
    taskType: 'caption',
    input: { text: 'Behind the scenes of our spring collection: how a jacket is made by hand.', platform: 'instagram' },
  },
  clip: { taskType: 'clip', input: { source: 'https://example.com/stream.mp4', start: 61, end: 92 } },
  publishing: { taskType: 'post', input: { platform: 'x', text: 'We are live at six.' } },
  moderation: { taskType: 'review', input: { text: 'kill yourself', contentId: 'c-1', userId: 'u-7' } },
  analytics: { taskType: 'report', input: { sendTo: 'team@example.com' } },
  growth: { taskType: 'seo', input: { title: 'how to sew a jacket', contentId: 'v-9' } },
  community: { taskType: 'reply', input: { messages: [{ id: 'm-1', author: 'Ada', text: 'When does the shop open?' }] } },
  revenue: {
    taskType: 'invoice',
    input: { invoice: { number: 'INV-7', sponsor: 'Acme', amountMinor: 125_000, currency: 'EUR', due: '2026-01-31' } },
  },
}

const DEFAULTS = {
  content: 'copilot',
  clip: 'copilot',
  publishing: 'copilot',
  moderation: 'autopilot',
  analytics: 'autopilot',
  growth: 'copilot',
  community: 'manual',
  revenue: 'manual',
}

const set = (agentType: string, body: object) => ask('PUT', `/api/v1/agents/${agentType}`, { body })
const get = async (id: string) => (await ask('GET', `/api/v1/tasks/${id}`)).body
const outbox = async (id: string) => (await ask('GET', `/api/v1/outbox?taskId=${id}`)).body.data

async function ended(agentType: string) {
  const { body } = await ask('POST', '/api/v1/tasks', {
    body: { agentType, title: 'For the autonomy table', ...WORK[agentType] },
  })
  return until(
    () => get(body.id),
    ({ status }) => ['completed', 'failed', 'awaiting_approval'].includes(status),
  )
}

test('the eight agents have the default autonomy and the purpose of the contract', async () => {
  const { data } = (await ask('GET', '/api/v1/agents')).body
  expect(
    Object.fromEntries(data.map((agent: { agentType: string; autonomyLevel: string }) => [agent.agentType, agent.autonomyLevel])),
  ).toEqual(DEFAULTS)
  expect(
    data.every((agent: { purpose: string; allowedSkills: null }) => agent.purpose.length > 10 && agent.allowedSkills === null),
  ).toBe(true)
})

describe.each(agents.map(({ type }) => type))('the %s agent', (agentType) => {
  test.each(AUTONOMY_LEVELS)('on %s', async (autonomyLevel) => {
    await set(agentType, { autonomyLevel, config: {} })
    const task = await ended(agentType)
    expect(task.plan.steps.length, 'it has something to do').toBeGreaterThan(0)
    if (autonomyLevel === 'manual') {
      expect(task).toMatchObject({
        status: 'completed',
        approval: null,
        steps: [],
        output: { suggestion: { steps: task.plan.steps } },
      })
      expect(await outbox(task.id)).toEqual([])
    } else if (autonomyLevel === 'copilot') {
      expect(task).toMatchObject({
        status: 'awaiting_approval',
        steps: [],
        approval: { status: 'pending', proposedAction: { steps: task.plan.steps } },
      })
      expect(await outbox(task.id)).toEqual([])
    } else {
      expect(task, JSON.stringify(task.error)).toMatchObject({ status: 'completed', approval: null })
      expect(task.steps.map(({ status }: { status: string }) => status)).toEqual(task.plan.steps.map(() => 'done'))
      expect((await outbox(task.id)).length).toBe(task.plan.steps.length)
    }
  })

  test('escalates on autopilot when it is unsure, and for a tool that always asks', async () => {
    for (const config of [{ escalateBelow: 1 }, { alwaysAsk: [(await ended(agentType)).plan.steps[0].tool] }]) {
      await set(agentType, { autonomyLevel: 'autopilot', config })
      const task = await ended(agentType)
      expect(task.status).toBe('awaiting_approval')
      expect(task.decisions.map(({ decisionType }: { decisionType: string }) => decisionType)).toEqual(
        expect.arrayContaining(['plan', 'escalate']),
      )
      expect(await outbox(task.id)).toEqual([])
    }
  })

  test('with no skills allowed does nothing, and says so by its plan', async () => {
    await set(agentType, { autonomyLevel: 'autopilot', config: {}, allowedSkills: [] })
    const task = await ended(agentType)
    expect(task.status).toBe('completed')
    expect(task.plan.steps).toEqual([])
    await set(agentType, { allowedSkills: null })
  })
})

test("an agent's approvalTimeoutHours decides how long its approvals wait", async () => {
  await set('publishing', { autonomyLevel: 'copilot', config: { approvalTimeoutHours: 2 } })
  const { approval, createdAt } = await ended('publishing')
  expect(Date.parse(approval.expiresAt) - Date.parse(createdAt)).toBeGreaterThan(1.9 * 3_600_000)
  expect(Date.parse(approval.expiresAt) - Date.parse(createdAt)).toBeLessThan(2.1 * 3_600_000)
})
