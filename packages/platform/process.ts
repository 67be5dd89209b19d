import { startedByNpm } from './config.ts'

/** Runs a program. What it throws becomes one line on stderr and exit code 1. */
export function onFatal(program: () => Promise<void>): void {
  program().catch((error: Error) => {
    console.error(`agent-orchestrator: ${error.message.split('\n')[0]}`)
    process.exit(1)
  })
}

const LOOK_FOR_NPM_MS = 250

/**
 * Settles at SIGINT or SIGTERM; a second signal leaves at once. Asked for before anything is started, it also hears a signal that comes
 * in the middle of the start: what was started is then stopped in order. npm passes signals to its shell, and many shells die of them
 * without a word to their child: so under npm the end of the parent is a signal too.
 */
export function stopSignal({ underNpm = startedByNpm() } = {}): Promise<void> {
  return new Promise((told) => {
    let signals = 0
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (++signals > 1 ? process.exit(130) : told()))
    const parent = process.ppid
    if (underNpm) setInterval(() => void (process.ppid !== parent && told()), LOOK_FOR_NPM_MS).unref()
  })
}

/** Waits for SIGINT or SIGTERM, cleans up and exits with 0. */
export async function untilStopped(cleanUp: () => Promise<void>, stopped: Promise<void> = stopSignal()): Promise<void> {
  await stopped
  await cleanUp()
  process.exit(0)
}

/** Whether a process of this id runs; also one that belongs to somebody else. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
