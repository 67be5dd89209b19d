import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '#platform/db/embedded.ts'

export type Postgres = { version: string; pid: number; create(name: string): Promise<BenchDatabase>; stop(): Promise<void> }

/** A database of one program, seen from outside it. */
export type BenchDatabase = {
  url: string
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>
  /** How many tasks are completed. */
  completed(): Promise<number>
  /** Bytes of the write-ahead log so far. */
  walBytes(): Promise<number>
  drop(): Promise<void>
}

/** One PostgreSQL with its durable defaults for the whole bench. PostgreSQL's user must be able to enter `folder`. */
export async function startPostgres(folder: string): Promise<Postgres> {
  const server = await startEmbeddedPostgres(folder)
  const admin = await clientOf(server.url)
  const { rows } = await admin.query<{ server_version: string }>('SHOW server_version')
  return {
    version: rows[0]?.server_version ?? '',
    pid: Number(readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]),
    async create(name) {
      await admin.query(`CREATE DATABASE ${name}`)
      const url = new URL(server.url)
      url.pathname = `/${name}`
      return openDatabase(url.href, () => admin.query(`DROP DATABASE ${name} WITH (FORCE)`))
    },
    async stop() {
      await admin.query(END_OTHERS) // it would go on while anybody is connected
      await admin.end()
      await server.stop()
    },
  }
}

async function openDatabase(url: string, drop: () => Promise<unknown>): Promise<BenchDatabase> {
  const client = await clientOf(url)
  const query = async <Row>(text: string, values: unknown[] = []) => (await client.query(text, values)).rows as Row[]
  let table: string | undefined
  const tableOf = async () => (await query<{ name: string }>(TABLE))[0]?.name
  return {
    url,
    query,
    async completed() {
      table ??= await tableOf()
      const [row] = await query<{ n: number }>(`SELECT count(*)::int AS "n" FROM "${table}" WHERE "status" = 'completed'`)
      return row?.n ?? 0
    },
    async walBytes() {
      const [row] = await query<{ bytes: string }>(`SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS "bytes"`)
      return Number(row?.bytes)
    },
    async drop() {
      await client.end()
      await drop()
    },
  }
}

const END_OTHERS = `
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`

const TABLE = `SELECT tablename AS "name" FROM pg_tables WHERE tablename IN ('task', 'AgentTask')`

async function clientOf(connectionString: string) {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  return client
}
