import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pendingMigration } from '../../scripts/schema-engine.ts'
import { freshDatabase } from '../support/database.ts'
import { query, REPOSITORY, run } from '../support/program.ts'

const names = readdirSync(join(REPOSITORY, 'prisma/migrations'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort()

const applied = (url: string) =>
  query(url, 'SELECT migration_name AS "name" FROM _prisma_migrations ORDER BY migration_name').then((rows) =>
    rows.map(({ name }) => name),
  )

async function emptyDatabase() {
  const url = new URL(await freshDatabase())
  const name = `empty_${url.pathname.slice(6)}`
  await query(url.href, `CREATE DATABASE ${name} TEMPLATE template0`)
  return Object.assign(url, { pathname: `/${name}` }).href
}

test('the migrations make exactly what schema.prisma describes', async () => {
  expect(await pendingMigration(await freshDatabase())).toBeNull()
})

test('a model that was changed without a migration is noticed, and the missing SQL is named', async () => {
  const schema = readFileSync(join(REPOSITORY, 'prisma/schema.prisma'), 'utf8')
  const changed = schema.replace(/^model ApiKey \{$/m, 'model ApiKey {\n  nickname String?')
  expect(changed).not.toBe(schema)
  const url = await freshDatabase()
  expect(await pendingMigration(url, changed)).toContain('ALTER TABLE "ApiKey" ADD COLUMN     "nickname" TEXT')
  const left = await query(url, `SELECT datname FROM pg_database WHERE datname LIKE 'shadow%'`)
  expect(left).toEqual([]) // what the comparison needed is gone again
})

test('a migration that was edited after it was applied stops the start with one line', async () => {
  const url = await freshDatabase()
  await query(url, 'UPDATE _prisma_migrations SET checksum = $1 WHERE migration_name = $2', ['0'.repeat(64), names[0]])
  const ended = await run({ env: { DATABASE_URL: url, PORT: '0', AI_PROVIDER: 'builtin' } }).ended
  expect(ended).toMatchObject({ code: 1, stdout: '' })
  expect(ended.stderr).toMatch(/^agent-orchestrator: [^\n]+\n$/)
  expect(ended.stderr).toContain(`the migration ${names[0]} was edited after it was applied: restore it and add a new one`)
})

test('two processes that migrate an empty database at once both succeed, and each migration is applied once', async () => {
  const url = await emptyDatabase()
  const migrate = () => run({ command: [process.execPath, 'scripts/migrate.ts'], env: { DATABASE_URL: url } }).ended
  const ended = await Promise.all([migrate(), migrate()])
  for (const { code, stdout, stderr } of ended) {
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^migrated: postgresql:\/\/postgres@\S+\n$/)
  }
  expect(await applied(url)).toEqual(names)
})

test('migrating again changes nothing', async () => {
  const url = await freshDatabase()
  const ended = await run({ command: [process.execPath, 'scripts/migrate.ts'], env: { DATABASE_URL: url } }).ended
  expect(ended.code).toBe(0)
  expect(await applied(url)).toEqual(names)
})
