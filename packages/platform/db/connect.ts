import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { isUnreachable } from '#domain/unreachable.ts'
import type { Sql, Statement } from '#domain/world.ts'
import { PrismaClient } from '#prisma/client/client.ts'

const TRIES = 4
const QUERY_LIMIT_MS = 35_000 // for a connection that died without a word; the server's own limit comes first
/** deadlock_detected, serialization_failure: the statement did nothing, and may simply be run again. */
const REPEATABLE = new Set(['40P01', '40001'])

/*
 * Every statement here is a short one over an index. Plans are kept per connection, and one made while a table was small would scan it
 * for good: so scans and hash joins are taken only where nothing else is possible. What the plan costs is known: no compiling of it.
 * And nobody waits for good: not for a statement, not for a lock, and not for a peer that froze in mid-transaction.
 */
const SESSION = `SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; SET plan_cache_mode = force_generic_plan; SET timezone = 'UTC';
  SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '15s'`

export type Database = { sql: Sql; prisma: PrismaClient; close(): Promise<void> }

/** The pool that Prisma and the prepared statements share. Connects lazily; `onError` hears of idle connections that broke. */
export function connect(url: string, options: { connections?: number; onError?: (error: Error) => void } = {}): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.connections ?? 10,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    query_timeout: QUERY_LIMIT_MS,
    onConnect: async (client) => void (await client.query(SESSION)),
  })
  pool.on('error', (error) => options.onError?.(error))
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: false }) })
  return {
    sql: sqlOver(pool),
    prisma,
    close: async () => {
      await prisma.$disconnect()
      await pool.end()
    },
  }
}

const runOn = async <Row>(on: pg.PoolClient, { name, text }: Statement, values: unknown[]) =>
  (await on.query({ name, text, values })).rows as Row[]

const sqlOver = (pool: pg.Pool): Sql => ({
  run: (statement, values) => repeating(() => withClient(pool, (client) => runOn(client, statement, values))),
  transaction: (work) =>
    repeating(() =>
      withClient(pool, async (client, lost) => {
        await client.query('BEGIN')
        try {
          const result = await work(sqlWithin(client))
          await client.query('COMMIT')
          return result
        } catch (error) {
          await client.query('ROLLBACK').catch(lost) // a connection that cannot even do this is not used again
          throw error
        }
      }),
    ),
})

/** Lends a connection; `lost` says that it must not be used again. What fails before there is one was certainly never sent, and is marked so. */
async function withClient<T>(
  pool: pg.Pool,
  use: (client: pg.PoolClient, lost: (error: Error) => void) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((error) => {
    throw Object.assign(error, { neverSent: true })
  })
  let broken: Error | undefined
  // Without a listener an error of a connection that is in use would end the process.
  const lost = (error: Error) => {
    broken = error
  }
  client.on('error', lost)
  try {
    return await use(client, lost)
  } catch (error) {
    if (isUnreachable(error)) lost(error as Error)
    throw error
  } finally {
    client.off('error', lost)
    client.release(broken)
  }
}

const sqlWithin = (client: pg.PoolClient): Sql => ({
  run: (statement, values) => runOn(client, statement, values),
  transaction: (work) => work(sqlWithin(client)),
})

async function repeating<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === TRIES || !REPEATABLE.has((error as { code?: string }).code ?? '')) throw error
      await sleep(Math.random() * 20 * attempt) // so that those who met do not meet again
    }
  }
}
