import type { Queue, Sql } from '#domain/world.ts'
import type { Listener } from '../db/listener.ts'

export const RING_CHANNEL = 'agent_ring'

const LONGEST_TIMER_MS = 3_600_000 // what is due later is rung for by the sweep
const TELL_AT_MOST_EVERY_MS = 20
const MOMENT_MS = 10

export type PostgresQueue = Queue & {
  /** Offers every signal to this process's worker. `take` answers whether it has a free slot for it. */
  serve(take: (agentType: string) => boolean): void
  /** Tells the other processes that these types have work, at most every few milliseconds. */
  tellOthers(agentTypes: readonly string[]): void
  close(): void
}

/**
 * The doorbell over Postgres: a signal goes to a free slot of this process, and where there is none to the others, by NOTIFY. Signals
 * are no work, so several of one type that wait to be told are one.
 */
export function postgresQueue(sql: Sql, listener: Listener): PostgresQueue {
  const timers = new Map<string, NodeJS.Timeout>()
  const toTell = new Set<string>()
  let telling: NodeJS.Timeout | undefined
  let take: (agentType: string) => boolean = () => false
  listener.on(RING_CHANNEL, (payload) => {
    for (const agentType of payload.split(',')) take(agentType)
  })

  function tellOthers(agentTypes: readonly string[]) {
    for (const agentType of agentTypes) toTell.add(agentType)
    telling ??= setTimeout(() => {
      telling = undefined
      const payload = [...toTell].join(',')
      toTell.clear()
      sql.run({ name: 'ring', text: `SELECT pg_notify('${RING_CHANNEL}', $1)` }, [payload]).catch(() => {}) // a lost ring loses nothing
    }, TELL_AT_MOST_EVERY_MS)
  }

  function ringNow(agentType: string) {
    if (!take(agentType)) tellOthers([agentType])
  }

  return {
    serve(worker) {
      take = worker
    },
    tellOthers,
    ring(agentType, _priority, { delaySeconds = 0 } = {}) {
      if (delaySeconds <= 0) return ringNow(agentType)
      if (delaySeconds * 1000 > LONGEST_TIMER_MS) return
      // Tasks of one moment share a timer. It fires after the moment, never before: then nothing would be due.
      const at = Math.ceil((Date.now() + delaySeconds * 1000 + 2) / MOMENT_MS) * MOMENT_MS
      const key = `${agentType} ${at}`
      if (timers.has(key)) return
      const ringThen = () => {
        timers.delete(key)
        ringNow(agentType)
      }
      timers.set(key, setTimeout(ringThen, at - Date.now()).unref())
    },
    close() {
      for (const timer of timers.values()) clearTimeout(timer)
      clearTimeout(telling)
    },
  }
}
