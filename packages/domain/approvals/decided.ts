import { notFound, Problem } from '../problem.ts'
import type { World } from '../world.ts'
import { expire } from './expire.ts'
import { readApproval } from './get.ts'

/** Why a decision lost: the approval is not there, is decided, or is overdue (then it is ended on the spot). Null: still to be decided. */
export async function missingOrDecided(world: World, orgId: string, id: string): Promise<Problem | null> {
  const row = await readApproval(world, orgId, id)
  if (!row) return notFound('approval', id)
  const overdue = row.status === 'pending' && row.expiresAt <= world.clock.now()
  if (overdue) await expire(world, [id])
  if (overdue || row.status === 'expired')
    return new Problem('approval_expired', `The approval ${id} expired at ${row.expiresAt.toISOString()}.`)
  if (row.status !== 'pending' || row.taskStatus !== 'awaiting_approval')
    return new Problem(
      'approval_decided',
      `The approval ${id} is already ${row.status === 'pending' ? 'closed with its task' : row.status}.`,
    )
  return null
}
