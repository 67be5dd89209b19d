import fc from 'fast-check'
import { expect, test } from 'vitest'
import { testWorld } from '../../support/world.ts'
import { memoryLog } from './effects.ts'
import { judge } from './judge.ts'
import { mortalInProcess, play, taskThatWaits } from './play.ts'
import { type Schedule, schedules } from './schedule.ts'

/** INTEGRITY_RUNS=100000 for a long night. */
const RUNS = Number(process.env.INTEGRITY_RUNS ?? 1_900)
const LANES = 4

const worlds = await Promise.all(Array.from({ length: LANES }, () => testWorld({ connections: 8 })))

test(`what was approved is what runs, once, or nothing: ${RUNS} schedules with a crash at a random await`, {
  timeout: 120_000 + RUNS * 200,
}, async () => {
  const tally: Record<string, number> = {}
  let crashes = 0
  let orgs = 0
  const lane = (world: (typeof worlds)[number]) =>
    fc.assert(
      fc.asyncProperty(schedules, async (schedule: Schedule) => {
        const orgId = `org${orgs++}`
        const { effects, log } = memoryLog()
        const task = await taskThatWaits(world, log, orgId, schedule)
        const played = await play(world, log, orgId, task, schedule, mortalInProcess(world, log, schedule.crashAt))
        const end = await judge(world, orgId, task, schedule, played, effects)
        tally[end] = (tally[end] ?? 0) + 1
        if (played.crashed) crashes++
      }),
      { numRuns: Math.ceil(RUNS / LANES), endOnFailure: true },
    )
  await Promise.all(worlds.map(lane))
  console.log('how they ended:', { ...tally, crashes })
  for (const end of ['completed', 'cancelled', 'rejected', 'expired', 'outcome_unknown']) {
    expect(tally[end], `the schedules reach ${end}`).toBeGreaterThan(0)
  }
  expect(crashes).toBeGreaterThan(RUNS / 20)
})
