import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

/** A database of its own for a test file: a copy of the migrated one. Answers its URL. */
export async function freshDatabase(): Promise<string> {
  const template = new URL(inject('postgres'))
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const admin = new pg.Client({ connectionString: Object.assign(new URL(template), { pathname: '/postgres' }).href })
  await admin.connect()
  try {
    await copy(admin, name, template.pathname.slice(1))
  } finally {
    await admin.end()
  }
  return Object.assign(new URL(template), { pathname: `/${name}` }).href
}

/** Two copies at one moment are refused (the template is in use): the second waits its turn. */
async function copy(admin: pg.Client, name: string, template: string) {
  await admin.query('SELECT pg_advisory_lock(1)')
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`)
}
