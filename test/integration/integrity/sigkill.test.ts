import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { freshDatabase } from '../../support/database.ts'
import { testWorld } from '../../support/world.ts'
import { databaseLog, effectsOf, prepareEffects } from './database-log.ts'
import { judge } from './judge.ts'
import { play, taskThatWaits } from './play.ts'
import { processPool } from './process-pool.ts'
import { schedules } from './schedule.ts'

const RUNS = Number(process.env.INTEGRITY_KILLS ?? 100)

const databaseUrl = await freshDatabase()
const world = await testWorld({ databaseUrl })
await prepareEffects(world.sql)
const pool = processPool(databaseUrl)
afterAll(() => pool.close())

test(`what was approved is what runs, once, or nothing: ${RUNS} schedules with a worker process killed by SIGKILL`, {
  timeout: 60_000 + RUNS * 3_000,
}, async () => {
  const log = databaseLog(world.sql)
  const tally: Record<string, number> = {}
  let kills = 0
  await fc.assert(
    fc.asyncProperty(schedules, fc.integer({ min: 2, max: 18 }), async (schedule, crashAt) => {
      const orgId = `org${kills}-${Date.now()}`
      const task = await taskThatWaits(world, log, orgId, schedule)
      const worker = await pool.mortal(crashAt)
      const played = await play(world, log, orgId, task, schedule, () => worker)
      const end = await judge(world, orgId, task, schedule, played, await effectsOf(world.sql, task.id))
      tally[end] = (tally[end] ?? 0) + 1
      if (played.crashed) kills++
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
  console.log('how they ended:', { ...tally, kills })
  expect(kills, 'every schedule had its SIGKILL').toBe(RUNS)
  expect(tally.completed).toBeGreaterThan(0)
})
