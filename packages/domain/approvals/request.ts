import cuid from '@bugsnag/cuid'
import type { Plan, PlanningTask } from '../tasks/schema.ts'
import { actionHash } from '../tasks/steps.ts'
import { decide, type Work, write } from '../tasks/write.ts'

const HOUR_MS = 3_600_000

/** Puts the plan's steps before a person: the task waits, without a lease, until exactly one of approve, reject, expire, cancel. */
export async function requestApproval(work: Work<PlanningTask>, plan: Plan, escalation: string | null): Promise<void> {
  const { world, task, notes } = work
  const hours = task.agent.config.approvalTimeoutHours ?? world.settings.approvalTimeoutHours
  const expiresAt = new Date(world.clock.now().getTime() + hours * HOUR_MS).toISOString()
  const hash = actionHash(plan.steps)
  const approval = { id: cuid(), proposedAction: { steps: plan.steps }, actionHash: hash, expiresAt }
  if (escalation !== null) {
    notes.trace.push({ type: 'escalated', message: `Asks a person: ${escalation}` })
    decide(notes, {
      decisionType: 'escalate',
      reasoning: escalation,
      action: { approvalId: approval.id },
      confidence: plan.confidence,
    })
  }
  const data = { approvalId: approval.id, actionHash: hash, expiresAt }
  notes.trace.push({ type: 'approval_requested', message: `Waits for a person until ${expiresAt}`, data })
  await write(work, { status: 'awaiting_approval', plan, approval, actionHash: hash, attempts: 0 })
}
