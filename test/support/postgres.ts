// Vitest's global setup: one PostgreSQL for the whole run, with a migrated database to copy from.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '#platform/db/embedded.ts'
import { migrate } from '#platform/db/migrate.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgres: string
  }
}

export default async function setup(project: TestProject) {
  const folder = mkdtempSync(join(tmpdir(), 'agent-orchestrator-test-'))
  chmodSync(folder, 0o755) // so that the user to whom root hands PostgreSQL can enter it
  const server = await startEmbeddedPostgres(folder, { fsync: 'off', max_connections: '300' })
  await migrate(server.url)
  project.provide('postgres', server.url)
  return async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
