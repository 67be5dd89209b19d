import { isUnreachable } from './unreachable.ts'

/** Hands over one item and resolves with its own result, once the statement that carried it has committed. */
export type Batch<Item, Result> = (item: Item) => Promise<Result>

type Waiting<Item, Result> = { item: Item; done(result: Result): void; failed(error: unknown): void }

/**
 * Group commit: the items of one moment, and those that arrive while earlier ones are being written, go to the database in one
 * call of `write`, which answers with one result per item, in order. When a write of several is refused, each is tried alone, so
 * that one bad item never takes its neighbours along: `write` must therefore be all or nothing.
 */
export function batch<Item, Result>(
  write: (items: Item[]) => Promise<Result[]>,
  options = { largest: 100, atOnce: 2 },
): Batch<Item, Result> {
  const waiting: Waiting<Item, Result>[] = []
  let underWay = 0
  let planned = false

  async function flush() {
    planned = false
    while (waiting.length > 0 && underWay < options.atOnce) {
      const group = waiting.splice(0, options.largest)
      underWay += 1
      void settle(group).finally(() => {
        underWay -= 1
        if (waiting.length > 0) void flush()
      })
    }
  }

  async function settle(group: Waiting<Item, Result>[]) {
    try {
      const results = await write(group.map(({ item }) => item))
      group.forEach(({ done }, index) => void done(results[index] as Result))
    } catch (error) {
      // A connection that broke may have committed: nothing is repeated that may have happened.
      if (group.length === 1 || isUnreachable(error)) for (const { failed } of group) failed(error)
      else await Promise.all(group.map((one) => settle([one])))
    }
  }

  return (item) =>
    new Promise((done, failed) => {
      waiting.push({ item, done, failed })
      if (planned) return
      planned = true
      // With nothing under way it goes at once; what comes meanwhile is the next group.
      if (underWay === 0) queueMicrotask(flush)
      else setImmediate(flush)
    })
}
