// npm run db:new -- <name>: writes the migration that schema.prisma is ahead of the migrations by.
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '#platform/db/embedded.ts'
import { pendingMigration } from './schema-engine.ts'

const name = process.argv[2]
if (!name || !/^[a-z0-9_]+$/.test(name)) {
  console.error('usage: npm run db:new -- <name>, of a-z, 0-9 and _')
  process.exit(1)
}
const server = await startEmbeddedPostgres(join(tmpdir(), 'agent-orchestrator-shadow'))
const sql = await pendingMigration(server.url)
if (sql) {
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
  const folder = join('prisma/migrations', `${stamp}_${name}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'migration.sql'), `${sql}\n`)
  console.log(`wrote ${folder}/migration.sql`)
} else console.log('the migrations agree with schema.prisma: nothing to write')
await server.stop()
