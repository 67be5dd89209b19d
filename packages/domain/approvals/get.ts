import type { ApprovalRequest } from '#prisma/client/client.ts'
import { notFound } from '../problem.ts'
import type { World } from '../world.ts'
import { viewOf } from './list.ts'
import type { ApprovalView } from './schema.ts'

/** One approval. Problem: `not_found`. */
export async function getApproval(world: World, orgId: string, id: string): Promise<ApprovalView> {
  const row = await readApproval(world, orgId, id)
  if (!row) throw notFound('approval', id)
  const { skillId: _, taskStatus: __, ...approval } = row
  return viewOf(approval, world.clock.now())
}

/** The row, with its task's status and the tool to which the task is restricted; by `world.sql`, so that a decision's own transaction sees it. */
export async function readApproval(world: World, orgId: string, id: string) {
  const [row] = await world.sql.run<ApprovalRequest & { skillId: string | null; taskStatus: string }>(READ_APPROVAL, [id, orgId])
  return row
}

const READ_APPROVAL = {
  name: 'read_approval',
  text: `
SELECT a."id", a."taskId", a."orgId", a."agentType", a."title", a."proposedAction", a."editedAction", a."actionHash", a."proposedHash", a."status",
  a."note", a."decidedBy", a."decidedAt", a."expiresAt", a."createdAt", t."skillId", t."status" AS "taskStatus"
FROM "ApprovalRequest" a JOIN "AgentTask" t ON t."id" = a."taskId" WHERE a."id" = $1 AND a."orgId" = $2`,
}
