// A worker in a process of its own, which kills itself (SIGKILL) at the await that it is told.
import { runNext } from '#domain/tasks/run.ts'
import { builtin } from '#platform/llm/builtin.ts'
import { openWorld } from '#platform/world.ts'
import { databaseLog } from './database-log.ts'
import { mortal } from './interleave.ts'
import { AGENT, worldOf } from './play.ts'

export type Job = { crashAt: number } | { signals: number }

const silent = () => {}
const base = await openWorld({
  databaseUrl: process.argv[2] ?? '',
  model: builtin(),
  log: { debug: silent, info: silent, warn: silent, error: silent },
  connections: 2,
})
let world = base as ReturnType<typeof worldOf>

process.on('message', async (job: Job) => {
  if ('crashAt' in job) {
    const life = mortal({ turn: async () => {} }, job.crashAt, () => process.kill(process.pid, 'SIGKILL'))
    world = worldOf(base, databaseLog(base.sql), life.point)
  } else {
    for (let signal = 0; signal < job.signals; signal++) await runNext(world, AGENT)
  }
  process.send?.('done')
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
