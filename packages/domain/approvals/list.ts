import type { ApprovalRequest } from '#prisma/client/client.ts'
import { after, newestFirst, type Page, type PageAsk, pageOf } from '../page.ts'
import type { World } from '../world.ts'
import type { Action, ApprovalStatus, ApprovalView } from './schema.ts'

/** The org's approvals with that status, newest first. */
export async function listApprovals(
  world: World,
  orgId: string,
  status: ApprovalStatus,
  page: PageAsk,
): Promise<Page<ApprovalView>> {
  const now = world.clock.now()
  const rows = await world.db.approvalRequest.findMany({
    where: { orgId, AND: [statusFilter(status, now), after(page.cursor)] },
    orderBy: newestFirst,
    take: page.limit + 1,
  })
  return pageOf(rows, page.limit, (row) => viewOf(row, now))
}

function statusFilter(status: ApprovalStatus, now: Date) {
  if (status === 'pending') return { status, expiresAt: { gt: now } }
  if (status === 'expired') return { OR: [{ status }, { status: 'pending', expiresAt: { lte: now } }] }
  return { status }
}

export function viewOf(row: ApprovalRequest, now: Date): ApprovalView {
  const overdue = row.status === 'pending' && row.expiresAt <= now
  return {
    ...row,
    status: overdue ? 'expired' : (row.status as ApprovalStatus),
    proposedAction: row.proposedAction as unknown as Action,
    editedAction: row.editedAction as unknown as Action | null,
    decidedAt: row.decidedAt?.toISOString() ?? null,
    expiresAt: row.expiresAt.toISOString(),
    createdAt: row.createdAt.toISOString(),
  }
}
