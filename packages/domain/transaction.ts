import { taskWriter } from './tasks/create.ts'
import { changeWriter } from './tasks/write.ts'
import type { World } from './world.ts'

/**
 * The world within one transaction: what a verb writes commits with everything else that `work` does, or not at all, and the bells ring
 * after the commit. Verbs that take part read and write by `world.sql` only.
 */
export async function inTransaction<T>(world: World, work: (world: World) => Promise<T>): Promise<T> {
  let rings: (() => void)[] = []
  const result = await world.sql.transaction((sql) => {
    rings = []
    const alone =
      <Item, Result>(write: (items: Item[]) => Promise<Result[]>) =>
      async (item: Item) =>
        (await write([item]))[0] as Result
    const batches = { create: alone(taskWriter(sql)), write: alone(changeWriter(sql, world.clock)) }
    const queue: World['queue'] = { ring: (...signal) => void rings.push(() => world.queue.ring(...signal)) }
    return work({ ...world, sql, batches, queue })
  })
  for (const ring of rings) ring()
  return result
}
