import type { Step } from '../tasks/schema.ts'

export const APPROVAL_STATUSES = ['pending', 'approved', 'rejected', 'expired', 'cancelled'] as const
export type ApprovalStatus = (typeof APPROVAL_STATUSES)[number]

export type Action = { steps: Step[] }

/** An approval as the API shows it; an overdue one is `expired` before the schedule has swept it. */
export type ApprovalView = {
  id: string
  taskId: string
  orgId: string
  agentType: string
  title: string
  proposedAction: Action
  editedAction: Action | null
  actionHash: string
  proposedHash: string
  status: ApprovalStatus
  note: string | null
  decidedBy: string | null
  decidedAt: string | null
  expiresAt: string
  createdAt: string
}
