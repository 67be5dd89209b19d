import { type Page, type PageAsk, pageOf, readCursor } from '../page.ts'
import type { World } from '../world.ts'
import { TASK_VIEW, type TaskView } from './get.ts'
import type { Status } from './transitions.ts'

export type TaskFilter = { status?: Status; agentType?: string; crewId?: string }

/** The org's tasks, newest first. */
export async function listTasks(world: World, orgId: string, filter: TaskFilter, page: PageAsk): Promise<Page<TaskView>> {
  const from = page.cursor === undefined ? null : readCursor(page.cursor)
  const { values, ...statement } = listStatement(orgId, filter, page.limit, from)
  const rows = await world.sql.run<{ id: string; createdAt: Date; task: TaskView }>(statement, values)
  return pageOf(rows, page.limit, (row) => row.task)
}

/** One prepared statement for each of the sixteen shapes. */
export function listStatement(orgId: string, filter: TaskFilter, limit: number, from: { createdAt: Date; id: string } | null) {
  const conditions = ['t."orgId" = $1']
  const values: unknown[] = [orgId, limit + 1]
  for (const column of ['status', 'agentType', 'crewId'] as const) {
    if (filter[column] !== undefined) conditions.push(`t."${column}" = $${values.push(filter[column])}`)
  }
  if (from)
    conditions.push(`(t."createdAt", t."id") < ($${values.push(from.createdAt)}::timestamptz, $${values.push(from.id)}::text)`)
  const used = Object.entries(filter).flatMap(([column, value]) => (value === undefined ? [] : [column]))
  return {
    name: `list_tasks ${used.sort()} ${from !== null}`,
    text: `SELECT t."id", t."createdAt", json_build_object(${TASK_VIEW}) AS "task" FROM "AgentTask" t
WHERE ${conditions.join(' AND ')} ORDER BY t."createdAt" DESC, t."id" DESC LIMIT $2::int`,
    values,
  }
}
