import { expect } from 'vitest'
import type { StepDraft } from '#agents/define.ts'
import { getTask, type TaskDetail } from '#domain/tasks/get.ts'
import type { Step } from '#domain/tasks/schema.ts'
import { actionHash } from '#domain/tasks/steps.ts'
import type { World } from '#domain/world.ts'
import type { Effect } from './effects.ts'
import type { Played, Waiting } from './play.ts'
import { type Schedule, TOOLS } from './schedule.ts'

const DECISIONS = ['approve', 'approve the hash seen', 'approve another hash', 'edit', 'reject']

/** What must hold of every schedule, whatever happened. Answers how it ended, for the tally. */
export async function judge(
  world: World,
  orgId: string,
  task: Waiting,
  schedule: Schedule,
  played: Played,
  effects: Effect[],
): Promise<string> {
  const seen = await getTask(world, orgId, task.id)
  const { approval } = seen
  if (!approval) throw new Error('the approval is gone')
  const deliveries = await outboxOf(world, task.id)
  const calls = [...effects, ...deliveries]
  const decided = played.won.filter((actor) => DECISIONS.includes(actor))

  expect(decided.length, 'exactly one decision wins, or none').toBeLessThanOrEqual(1)
  expect(decided).not.toContain('approve another hash')
  expect(['approved', 'rejected'].includes(approval.status), 'the approval says what its winner was told').toBe(
    decided.length === 1,
  )
  expect(seen.status, 'a worker that lives brings it to an end').not.toBe('planning')
  expect(seen.status).not.toBe('running')

  if (approval.status !== 'approved') {
    expect(calls, `${approval.status}: no effect`).toEqual([])
    return approval.status
  }

  const asProposed = decided[0] !== 'edit'
  const approved = numbered(asProposed ? schedule.steps : schedule.edited)
  expect(approval.actionHash, 'the hash of what was approved').toBe(actionHash(approved))
  expect(seen.actionHash).toBe(approval.actionHash)
  expect((asProposed ? approval.proposedAction : approval.editedAction) as unknown).toEqual({ steps: approved })
  for (const { key, tool, input } of calls) {
    const step = approved[Number(key.split(':')[1])]
    expect({ tool, input }, 'every effect is an approved step').toEqual({ tool: step?.tool, input: step?.input })
  }
  expect(new Set(calls.map(({ key }) => key)).size, 'each step at most once').toBe(calls.length)
  const outside = effects.map(({ key }) => Number(key.split(':')[1]))
  expect(outside, 'in order').toEqual(outside.toSorted((a, b) => a - b))
  const happened = calls.map(({ key }) => Number(key.split(':')[1])).toSorted((a, b) => a - b)
  expect(happened, 'no step before the one ahead of it').toEqual([...happened.keys()])
  checkStarts(seen)

  if (seen.status === 'completed') expect(happened, 'all of them').toEqual([...approved.keys()])
  if (seen.status === 'failed') {
    expect(seen.error?.code).toBe('outcome_unknown')
    expect(played.crashed, 'only for a worker that died').toBe(true)
    expect(approved[happened.at(-1) ?? 0]?.tool === TOOLS.once || approved[happened.length]?.tool === TOOLS.once).toBe(true)
  }
  if (seen.status === 'cancelled') expect(played.won).toContain('cancel')
  return seen.status === 'failed' ? 'outcome_unknown' : seen.status
}

const numbered = (steps: StepDraft[]): Step[] => steps.map((step, index) => ({ index, ...step }))

/** No step starts after the end, and every result has its start before it. */
function checkStarts({ reasoningTrace }: TaskDetail) {
  const end = reasoningTrace.findIndex(({ type }) => ['cancelled', 'completed', 'failed'].includes(type))
  const after = end < 0 ? [] : reasoningTrace.slice(end + 1).map(({ type }) => type)
  expect(after, 'nothing is written after the end').toEqual([])
  expect(reasoningTrace.map(({ seq }) => seq)).toEqual(reasoningTrace.map((_, index) => index + 1))
}

async function outboxOf(world: World, taskId: string): Promise<Effect[]> {
  const rows = await world.sql.run<{ payload: unknown; idempotencyKey: string }>(
    { name: 'outbox_of', text: 'SELECT "payload", "idempotencyKey" FROM "Delivery" WHERE "taskId" = $1 ORDER BY "step"' },
    [taskId],
  )
  return rows.map(({ payload, idempotencyKey }) => ({ tool: TOOLS.outbox, input: payload, key: idempotencyKey }))
}
