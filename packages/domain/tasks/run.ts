import { requestApproval } from '../approvals/request.ts'
import type { World } from '../world.ts'
import { claim } from './claim.ts'
import { finish, suggest } from './complete.ts'
import { execute } from './execute.ts'
import { never, type Stop, Stopped, TaskFailed, TryAgain } from './failure.ts'
import { gate } from './gate.ts'
import { planTask } from './plan.ts'
import type { HeldTask, Plan, PlanningTask, RunningTask } from './schema.ts'
import { actionHash } from './steps.ts'
import { LeaseLost, noNotes, type Work, write } from './write.ts'

export const MOST_ATTEMPTS = 5

/** Takes the best task of that type that is due and works on it. False when there is nothing to do. */
export async function runNext(world: World, agentType: string, stop: Stop = never): Promise<boolean> {
  const [task] = await claim(world, [agentType], 1)
  if (task) await runTask(world, task, stop)
  return task !== undefined
}

/**
 * Works on a claimed task until it ends, waits, or is to be tried again. `stop` aborts with a Stopped as its reason. Rejects only with
 * what nobody foresaw (the database is gone): the lease then runs out and another worker takes the task up from what is recorded.
 */
export async function runTask(world: World, task: HeldTask, stop: Stop): Promise<void> {
  const work = { world, task, notes: noNotes(), stop }
  try {
    await planOrExecute(work)
  } catch (error) {
    await stopOrFail(work, error)
  }
}

async function planOrExecute({ task, ...rest }: Work) {
  if (task.attempts > MOST_ATTEMPTS)
    throw new TaskFailed('attempts_exhausted', `${MOST_ATTEMPTS} attempts were begun and none was ended`)
  if (task.status === 'running') return execute({ ...rest, task })
  const work = { ...rest, task }
  const plan = await planTask(work)
  const gated = gate(task.agent, plan)
  switch (gated.verdict) {
    case 'suggest':
      return suggest(work, plan)
    case 'finish':
      return finish(work, plan)
    case 'ask':
      return requestApproval(work, plan, gated.escalation)
    case 'act': {
      const hash = actionHash(plan.steps)
      work.notes.trace.push({ type: 'running', message: 'Acts by itself: the agent is on autopilot', data: { actionHash: hash } })
      await write(work, { status: 'running', plan, actionHash: hash, attempts: 1 })
      return execute({ ...work, task: nowRunning(task, plan, hash) })
    }
  }
}

/** The same object: whoever holds the task sees what phase it is in. */
function nowRunning(task: PlanningTask, plan: Plan, hash: string): RunningTask {
  return Object.assign(task as object as RunningTask, {
    status: 'running' as const,
    plan,
    actionHash: hash,
    approval: null,
    steps: [],
  })
}

async function stopOrFail(work: Work, error: unknown) {
  const { task, notes } = work
  if (error instanceof LeaseLost) return
  if (error instanceof Stopped) return error.reason === 'drained' ? giveBack(work) : undefined
  if (error instanceof TryAgain && task.attempts < MOST_ATTEMPTS) return tryLater(work, error)
  if (!(error instanceof TaskFailed || error instanceof TryAgain)) throw error
  const failure = { code: error.code, message: error.message.slice(0, 2000) }
  notes.trace.push({ type: 'failed', message: failure.message, data: { code: failure.code } })
  await writeUnlessLost(work, { status: 'failed', error: failure })
}

/** Exponential backoff with jitter, or what the other side asked for. The status stays. */
async function tryLater(work: Work, { message, afterMs, code }: TryAgain) {
  const { world, task, notes } = work
  const { retryBaseMs, retryCapMs } = world.settings
  const backoff = Math.min(retryCapMs, retryBaseMs * 2 ** (task.attempts - 1))
  const pauseMs = Math.max(afterMs ?? 0, Math.round(backoff * (0.5 + Math.random() / 2)))
  notes.trace.push({
    type: 'retry',
    message: `Tries again in ${pauseMs} ms: ${message}`.slice(0, 2000),
    data: { code, attempt: task.attempts, pauseMs },
  })
  const nextAttemptAt = new Date(world.clock.now().getTime() + pauseMs)
  await writeUnlessLost(work, { status: task.status, nextAttemptAt })
  world.queue.ring(task.agentType, task.priority, { delaySeconds: pauseMs / 1000 })
}

async function giveBack(work: Work) {
  const { world, task, notes } = work
  notes.trace.push({ type: 'released', message: 'The worker shuts down and gives the task back' })
  await writeUnlessLost(work, {
    status: task.status,
    nextAttemptAt: world.clock.now(),
    attempts: Math.max(0, task.attempts - 1),
  })
  world.queue.ring(task.agentType, task.priority)
}

async function writeUnlessLost(work: Work, move: Parameters<typeof write>[1]) {
  try {
    await write(work, move)
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error
  }
}
