import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from './play.ts'
import type { Job } from './worker-process.ts'

const PROGRAM = new URL('./worker-process.ts', import.meta.url)

/** Worker processes over one database; the next one starts up while the present one is still to be killed. */
export function processPool(databaseUrl: string) {
  let next = launch(databaseUrl)
  const all = new Set<ChildProcess>()

  return {
    /** A fresh worker that kills itself at its nth await; when it has outlived its signals, later ones bring it there. */
    async mortal(crashAt: number): Promise<Worker> {
      const child = await next
      next = launch(databaseUrl)
      all.add(child)
      await tell(child, { crashAt })
      let calls = 0
      return { work: (signals) => tell(child, { signals: calls++ === 0 ? signals : crashAt }) }
    },
    async close() {
      all.add(await next)
      for (const child of all) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    },
  }
}

async function launch(databaseUrl: string) {
  const child = fork(PROGRAM, [databaseUrl], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'agent-orchestrator-compile-cache') },
  })
  const [said] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (said !== 'ready') throw new Error(`a worker process did not start: ${said}`)
  return child
}

async function tell(child: ChildProcess, job: Job): Promise<'died' | 'done'> {
  const done = once(child, 'message').then(() => 'done' as const)
  const died = once(child, 'exit').then(([, signal]) => {
    if (signal !== 'SIGKILL') throw new Error(`a worker process ended by ${signal}`)
    return 'died' as const
  })
  child.send(job)
  return Promise.race([done, died])
}
