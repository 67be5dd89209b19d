/** A task's life, as data: what may follow what, and why. Everything that it lacks is refused. */
export const STATUSES = ['queued', 'planning', 'awaiting_approval', 'running', 'completed', 'failed', 'cancelled'] as const
export type Status = (typeof STATUSES)[number]

export const FAILURES = [
  'dependency_failed',
  'approval_rejected',
  'approval_expired',
  'llm_unavailable',
  'plan_invalid',
  'skill_failed',
  'skill_not_allowed',
  'outcome_unknown',
  'budget_exceeded',
  'timeout',
  'attempts_exhausted',
  'cancelled',
] as const
export type FailureCode = (typeof FAILURES)[number]

export const TRANSITIONS: readonly { from: Status; to: Status; when: string }[] = [
  { from: 'queued', to: 'planning', when: 'claimed: due, dependencies completed' },
  { from: 'queued', to: 'failed', when: 'a dependency failed or was cancelled' },
  { from: 'planning', to: 'completed', when: 'manual, or a plan without steps' },
  { from: 'planning', to: 'awaiting_approval', when: 'copilot, or autopilot that escalates, with steps' },
  { from: 'planning', to: 'running', when: 'autopilot, with steps' },
  { from: 'awaiting_approval', to: 'running', when: 'approved, as proposed or edited' },
  { from: 'awaiting_approval', to: 'cancelled', when: 'rejected' },
  { from: 'awaiting_approval', to: 'failed', when: 'expired' },
  { from: 'running', to: 'completed', when: 'every step has its result' },
  { from: 'planning', to: 'failed', when: 'it cannot go on' },
  { from: 'running', to: 'failed', when: 'it cannot go on' },
  { from: 'queued', to: 'cancelled', when: 'cancelled by a person, a parent or a crew' },
  { from: 'planning', to: 'cancelled', when: 'cancelled by a person, a parent or a crew' },
  { from: 'running', to: 'cancelled', when: 'cancelled by a person, a parent or a crew' },
]

export const FINAL: readonly Status[] = ['completed', 'failed', 'cancelled']
export const isFinal = (status: Status) => FINAL.includes(status)

/** Whether a task may go from one status to another; staying is no change and always may. */
export const mayMove = (from: Status, to: Status) => from === to || TRANSITIONS.some((t) => t.from === from && t.to === to)
