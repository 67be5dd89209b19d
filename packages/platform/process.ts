/** Runs a program. What it throws becomes one line on stderr and exit code 1. */
export function onFatal(program: () => Promise<void>): void {
  program().catch((error: Error) => {
    console.error(`agent-orchestrator: ${error.message.split('\n')[0]}`)
    process.exit(1)
  })
}

/** Waits for SIGINT or SIGTERM, cleans up and exits with 0; a second signal leaves at once. */
export async function untilStopped(cleanUp: () => Promise<void>): Promise<void> {
  await new Promise<void>((stop) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop())
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
  await cleanUp()
  process.exit(0)
}
