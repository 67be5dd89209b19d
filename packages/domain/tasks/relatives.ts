import { ensureAgent } from '../agents/get.ts'
import { invalid, Problem } from '../problem.ts'
import type { Sql, World } from '../world.ts'
import { disabled, type NewTask, taskWriter } from './create.ts'
import { release } from './release.ts'

/**
 * Inserts a task that has a parent or dependencies. The rows that it rests on are locked first, in one order for everybody: a dependency
 * that ends meanwhile sees `hasDependents` and releases this task, and a parent that is cancelled meanwhile takes it along or refuses it.
 * Problems: `validation_failed` for a relative that the org does not have, `parent_cancelled`, `agent_disabled`.
 */
export async function insertRelated(world: World, task: NewTask, dependsOn: string[]): Promise<void> {
  await ensureAgent(world, task.orgId, task.agentType)
  await world.sql.transaction(async (sql) => {
    await lockRelatives(sql, task, dependsOn)
    const row = dependsOn.length > 0 ? { ...task, ready: false, dueAt: null } : task
    const [made] = await taskWriter(sql)([row])
    if (!made?.agentId) throw disabled(task)
    await sql.run(ADD_DEPENDENCIES, [task.id, dependsOn])
  })
  if (dependsOn.length > 0) await release(world, { ids: [task.id] })
}

async function lockRelatives(sql: Sql, { orgId, parentTaskId }: NewTask, dependsOn: string[]) {
  const ids = [...new Set([...dependsOn, ...(parentTaskId ? [parentTaskId] : [])])]
  const rows = await sql.run<{ id: string; status: string }>(LOCK_RELATIVES, [ids, orgId, dependsOn])
  const status = new Map(rows.map((row) => [row.id, row.status]))
  if (parentTaskId && !status.has(parentTaskId)) throw invalid('parentTaskId', `there is no task ${parentTaskId}`)
  const missing = dependsOn.findIndex((id) => !status.has(id))
  if (missing >= 0) throw invalid(`dependsOn.${missing}`, `there is no task ${dependsOn[missing]}`)
  if (parentTaskId && status.get(parentTaskId) === 'cancelled')
    throw new Problem('parent_cancelled', `The parent task ${parentTaskId} was cancelled.`)
}

const LOCK_RELATIVES = {
  name: 'lock_relatives',
  text: `
WITH held AS (SELECT "id", "status" FROM "AgentTask" WHERE "id" = ANY($1::text[]) AND "orgId" = $2 ORDER BY "id" FOR UPDATE),
marked AS (UPDATE "AgentTask" t SET "hasDependents" = true FROM held h WHERE t."id" = h."id" AND h."id" = ANY($3::text[]))
SELECT "id", "status" FROM held`,
}

const ADD_DEPENDENCIES = {
  name: 'add_dependencies',
  text: 'INSERT INTO "TaskDependency" ("taskId", "dependsOnId") SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING',
}
