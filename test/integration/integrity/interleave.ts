import type { Sql } from '#domain/world.ts'

export type Turns = { turn(): Promise<void> }

/** Lets whoever waits go on one at a time, in the order that `picks` chooses; what they then do overlaps as it will. */
export function interleaver(picks: readonly number[]): Turns {
  const waiting: (() => void)[] = []
  let planned = false
  let at = 0

  function plan() {
    if (planned || waiting.length === 0) return
    planned = true
    const pick = picks[at % picks.length] ?? 0
    const release = () => {
      planned = false
      at += 1
      waiting.splice(pick % waiting.length, 1)[0]?.()
      plan()
    }
    if (pick % 5 === 0) setTimeout(release, 1)
    else setImmediate(release)
  }

  return {
    turn: () =>
      new Promise((go) => {
        waiting.push(go)
        plan()
      }),
  }
}

/**
 * A life that stops at the nth await: what was asked for by then has happened or not, and nothing more does; unless it only slept, and
 * wakes when its lease is long over.
 */
export function mortal(turns: Turns, crashAt: number, die: () => void = () => {}) {
  let awaits = 0
  let asleep = false
  let onDeath = () => {}
  let wake = () => {}
  const died = new Promise<'died'>((resolve) => {
    onDeath = () => resolve('died')
  })
  const awake = new Promise<void>((resolve) => {
    wake = resolve
  })
  async function point() {
    awaits += 1
    if (awaits === crashAt) {
      asleep = true
      die()
      onDeath()
    }
    if (asleep) await awake
    await turns.turn()
  }
  return { died, point, wake }
}

/** Every statement has an await before it and one after it. */
export const gated = (sql: Sql, point: () => Promise<void>): Sql => ({
  async run(statement, values) {
    await point()
    const rows = await sql.run(statement, values)
    await point()
    return rows as never
  },
  transaction: (work) => sql.transaction((inside) => work(gated(inside, point))),
})
