import type { World } from '../world.ts'
import { claim } from './claim.ts'
import { Stopped } from './failure.ts'
import { runTask } from './run.ts'
import type { HeldTask } from './schema.ts'
import { RENEW_LEASES } from './sql.ts'

export type Worker = {
  /** Offers a signal. True when a free slot takes it; false when all are busy, and somebody else may. */
  offer(agentType: string): boolean
  /** Work may be there, of whatever type: after a time without signals. */
  look(): void
  /** Aborts the task if it runs here: it was cancelled. */
  cancelled(taskId: string): void
  /** How many tasks run here now. */
  busy(): number
  /** Takes nothing more; plans are given back at once, steps may finish within `graceMs`. */
  drain(graceMs: number): Promise<void>
}

const FIRST_LOOK_MS = 20
const LAST_LOOK_MS = 1_000
const RETRY_MS = 1_000

type Active = { task: HeldTask; stop(reason: Stopped): void; leave(): void; done: Promise<void> }

/**
 * A worker of one process: claims for its free slots when a signal comes, works on what it holds, and renews the leases.
 * `onFull`: work may be left over that another process should hear of.
 */
export function startWorker(
  world: World,
  options: { agentTypes: readonly string[]; slots: number; onFull?: () => void },
): Worker {
  const { agentTypes, slots } = options
  const active = new Set<Active>()
  let offered = 0 // signals taken since the last claim began
  let claiming = false
  let lastClaim: Promise<unknown> = Promise.resolve()
  let mayHaveMore = false
  let draining = false
  let again: NodeJS.Timeout | undefined
  let retry: NodeJS.Timeout | undefined
  let refused = false // a signal came while all slots were busy

  async function pump() {
    if (claiming || draining) return
    claiming = true
    try {
      while (mayHaveMore && active.size < slots && !draining) {
        const free = slots - active.size
        const expected = Math.max(Number(refused), Math.min(offered, free))
        refused = false
        mayHaveMore = false
        offered = 0
        const claimed = claim(world, agentTypes, free)
        lastClaim = claimed.catch(() => {})
        const tasks = await claimed
        for (const task of tasks) start(task)
        if (tasks.length === free) mayHaveMore = true
        else if (tasks.length < expected) lookAgain(FIRST_LOOK_MS)
      }
      if (mayHaveMore) options.onFull?.()
    } catch (error) {
      world.log.warn({ error: String(error) }, 'could not claim; trying again in a second')
      mayHaveMore = true
      retry ??= setTimeout(() => {
        retry = undefined
        void pump()
      }, RETRY_MS).unref()
    } finally {
      claiming = false
    }
  }

  /**
   * A claim passes over rows that somebody locks for a moment (a task that is being made a dependency, or watched), and the signal is
   * then used up: so when it brought less than the signals announced, look whether anything is still there.
   */
  function lookAgain(pauseMs: number) {
    clearTimeout(again)
    again = setTimeout(async () => {
      if (draining || active.size >= slots) return
      try {
        if (!(await anythingReady(world, agentTypes))) return
        const before = active.size
        look()
        setTimeout(() => void (active.size === before && lookAgain(Math.min(LAST_LOOK_MS, pauseMs * 2))), pauseMs).unref()
      } catch {
        lookAgain(LAST_LOOK_MS)
      }
    }, pauseMs).unref()
  }

  function start(task: HeldTask) {
    const now = new AbortController()
    const soon = new AbortController()
    const stop = (reason: Stopped) => {
      soon.abort(reason)
      now.abort(reason)
    }
    const leave = () => (task.status === 'planning' ? stop : soon.abort.bind(soon))(new Stopped('drained'))
    const done = runTask(world, task, { now: now.signal, soon: soon.signal })
      .catch((error) =>
        world.log.error({ taskId: task.id, error: String(error?.stack ?? error) }, 'a task was left to its lease'),
      )
      .finally(() => {
        active.delete(run)
        if (mayHaveMore) setImmediate(pump) // slots that become free in one moment are filled by one claim
      })
    const run = { task, stop, leave, done }
    // This process's own earlier lease of the task has run out (it slept): that run writes nothing more.
    for (const earlier of active) if (earlier.task.id === task.id) earlier.stop(new Stopped('lost'))
    active.add(run)
    if (draining) leave() // it was claimed while the drain began
  }

  async function renew() {
    if (active.size === 0) return
    const held = [...active]
    const until = new Date(world.clock.now().getTime() + world.settings.leaseMs)
    try {
      const tokens = held.map(({ task }) => task.leaseToken)
      const ids = held.map(({ task }) => task.id)
      const rows = await world.sql.run<{ token: string; id: string }>(RENEW_LEASES, [ids, tokens, until])
      const still = new Set(rows.map(({ id, token }) => `${id} ${token}`))
      for (const { task, stop } of held) if (!still.has(`${task.id} ${task.leaseToken}`)) stop(new Stopped('lost'))
    } catch (error) {
      world.log.warn({ error: String(error) }, 'could not renew the leases')
    }
  }

  const heartbeat = setInterval(renew, world.settings.leaseMs / 3)
  heartbeat.unref()

  function look() {
    mayHaveMore = true
    void pump()
  }

  return {
    look,
    busy: () => active.size,
    offer(agentType) {
      if (draining || !agentTypes.includes(agentType)) return false
      mayHaveMore = true
      if (active.size + offered >= slots) {
        refused = true
        return false
      }
      offered += 1
      void pump()
      return true
    },
    cancelled(taskId) {
      for (const { task, stop } of active) if (task.id === taskId) stop(new Stopped('cancelled'))
    },
    async drain(graceMs) {
      draining = true
      for (const { leave } of active) leave()
      const grace = setTimeout(() => {
        for (const { stop } of active) stop(new Stopped('drained'))
      }, graceMs)
      await lastClaim // what it still brings leaves at once
      await Promise.all([...active].map(({ done }) => done))
      clearTimeout(grace)
      clearInterval(heartbeat)
      clearTimeout(again)
      clearTimeout(retry)
    },
  }
}

async function anythingReady(world: World, agentTypes: readonly string[]) {
  const rows = await world.sql.run({ name: 'anything_ready', text: ANYTHING_READY }, [agentTypes])
  return rows.length > 0
}

const ANYTHING_READY = `
SELECT 1 FROM "AgentTask" t JOIN "AgentConfig" c ON c."id" = t."agentId"
WHERE t."ready" AND t."agentType" = ANY($1::text[]) AND (c."isEnabled" OR t."status" <> 'queued') LIMIT 1`
