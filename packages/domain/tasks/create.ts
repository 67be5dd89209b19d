import cuid from '@bugsnag/cuid'
import type { JsonObject } from '#skills/define.ts'
import { ensureAgent } from '../agents/get.ts'
import { toJsonb } from '../json.ts'
import { invalid, Problem } from '../problem.ts'
import type { Sql, World } from '../world.ts'
import { getTask, type TaskView } from './get.ts'
import { release, ringWhenDue } from './release.ts'
import { INSERT_TASKS } from './sql.ts'

export type CreateTask = {
  agentType: string
  title: string
  taskType: string
  input: JsonObject
  priority: number
  skillId?: string
  scheduledFor?: Date
  dependsOn?: string[]
  parentTaskId?: string
}

/** The row that INSERT_TASKS reads. */
export type NewTask = {
  id: string
  orgId: string
  agentType: string
  title: string
  taskType: string
  priority: number
  input: JsonObject
  skillId: string | null
  scheduledFor: Date | null
  parentTaskId: string | null
  crewId: string | null
  ready: boolean
  dueAt: Date | null
  createdAt: Date
  message: string
}

/** Null: the agent has no row yet, or is disabled. */
export type Inserted = { agentId: string | null }

/** Where the database's half of the batch comes from: `world.batches.create`. */
export const taskWriter = (sql: Sql) => async (tasks: NewTask[]) => {
  const rows = await sql.run<{ id: string; agentId: string }>(INSERT_TASKS, [toJsonb(tasks)])
  const agents = new Map(rows.map((row) => [row.id, row.agentId]))
  return tasks.map(({ id }): Inserted => ({ agentId: agents.get(id) ?? null }))
}

/**
 * Creates a task in the queue and rings its agent's lane. One round trip, unless the task has relatives.
 * Problems: `agent_disabled`; `validation_failed` for a parent or a dependency that the org does not have; `parent_cancelled`.
 */
export async function createTask(world: World, orgId: string, ask: CreateTask): Promise<TaskView> {
  const now = world.clock.now()
  const dueAt = ask.scheduledFor && ask.scheduledFor > now ? ask.scheduledFor : now
  const task: NewTask = {
    id: cuid(),
    orgId,
    agentType: ask.agentType,
    title: ask.title,
    taskType: ask.taskType,
    priority: ask.priority,
    input: ask.input,
    skillId: ask.skillId ?? null,
    scheduledFor: ask.scheduledFor ?? null,
    parentTaskId: ask.parentTaskId ?? null,
    crewId: null,
    ready: dueAt <= now,
    dueAt,
    createdAt: now,
    message: `Created for the ${ask.agentType} agent with priority ${ask.priority}`,
  }
  if (ask.parentTaskId || ask.dependsOn?.length) {
    await insertRelated(world, task, ask.dependsOn ?? [])
    const created = await getTask(world, orgId, task.id)
    if (!ask.dependsOn?.length) ringWhenDue(world, task)
    return created
  }
  const agentId = await insert(world, task)
  ringWhenDue(world, task)
  return asCreated(task, agentId)
}

async function insert(world: World, task: NewTask) {
  for (const last of [false, true]) {
    const { agentId } = await world.batches.create(task)
    if (agentId !== null) return agentId
    const agent = await ensureAgent(world, task.orgId, task.agentType)
    if (!agent.isEnabled || last) break
  }
  throw disabled(task)
}

const disabled = ({ agentType }: NewTask) =>
  new Problem('agent_disabled', `The ${agentType} agent is disabled and takes no new task.`)

/** What GET would answer, without asking. */
function asCreated({ ready: _, dueAt: __, message: ___, scheduledFor, createdAt, ...task }: NewTask, agentId: string): TaskView {
  const at = createdAt.toISOString()
  const nothingYet = {
    output: null,
    error: null,
    actionHash: null,
    nextAttemptAt: null,
    startedAt: null,
    finishedAt: null,
    attempts: 0,
  }
  const relatives = { dependsOn: [], usage: { tokensIn: 0, tokensOut: 0 } }
  return {
    ...task,
    agentId,
    status: 'queued',
    ...nothingYet,
    ...relatives,
    scheduledFor: scheduledFor?.toISOString() ?? null,
    createdAt: at,
    updatedAt: at,
  }
}

/**
 * With relatives the rows that it rests on are locked first: a dependency that ends meanwhile sees `hasDependents` and releases this
 * task, and a parent that is cancelled meanwhile takes it along or refuses it.
 */
async function insertRelated(world: World, task: NewTask, dependsOn: string[]) {
  await ensureAgent(world, task.orgId, task.agentType)
  await world.sql.transaction(async (sql) => {
    if (task.parentTaskId) await lockParent(sql, task.orgId, task.parentTaskId)
    await lockDependencies(sql, task.orgId, dependsOn)
    const waits = dependsOn.length > 0
    const row = waits ? { ...task, ready: false, dueAt: null } : task
    const [made] = await taskWriter(sql)([row])
    if (!made?.agentId) throw disabled(task)
    await sql.run(ADD_DEPENDENCIES, [task.id, dependsOn])
  })
  if (dependsOn.length > 0) await release(world, { ids: [task.id] })
}

async function lockParent(sql: Sql, orgId: string, id: string) {
  const [parent] = await sql.run<{ status: string }>(LOCK_PARENT, [id, orgId])
  if (!parent) throw invalid('parentTaskId', `there is no task ${id}`)
  if (parent.status === 'cancelled') throw new Problem('parent_cancelled', `The parent task ${id} was cancelled.`)
}

async function lockDependencies(sql: Sql, orgId: string, ids: string[]) {
  if (ids.length === 0) return
  const found = new Set((await sql.run<{ id: string }>(MARK_DEPENDENCIES, [ids, orgId])).map((row) => row.id))
  const missing = ids.findIndex((id) => !found.has(id))
  if (missing >= 0) throw invalid(`dependsOn.${missing}`, `there is no task ${ids[missing]}`)
}

const LOCK_PARENT = { name: 'lock_parent', text: 'SELECT "status" FROM "AgentTask" WHERE "id" = $1 AND "orgId" = $2 FOR SHARE' }

const MARK_DEPENDENCIES = {
  name: 'mark_dependencies',
  text: `
WITH held AS (SELECT "id" FROM "AgentTask" WHERE "id" = ANY($1::text[]) AND "orgId" = $2 ORDER BY "id" FOR UPDATE)
UPDATE "AgentTask" t SET "hasDependents" = true FROM held h WHERE t."id" = h."id" RETURNING t."id"`,
}

const ADD_DEPENDENCIES = {
  name: 'add_dependencies',
  text: 'INSERT INTO "TaskDependency" ("taskId", "dependsOnId") SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING',
}
