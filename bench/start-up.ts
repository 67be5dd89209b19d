import { rmSync } from 'node:fs'
import { startServer } from './process.ts'

export type StartUp = { firstMs: number; laterMs: number; floorMs: number }

/** What `npm start` runs, from its spawn to the first 200 of /health: with a new data directory, and with one that is there. */
export async function startUp(dataDir: string, floorUrl: string): Promise<StartUp> {
  const environment = { AI_PROVIDER: 'builtin', DATA_DIR: dataDir }
  try {
    const first = await startServer('functions/local.ts', environment)
    await first.stop()
    const later = await startServer('functions/local.ts', environment)
    await later.stop()
    const floor = await startServer('bench/floor.ts', { DATABASE_URL: floorUrl })
    await floor.stop()
    return { firstMs: first.startedInMs, laterMs: later.startedInMs, floorMs: floor.startedInMs }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}
