import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { invalid, Problem } from '#domain/problem.ts'
import { inTransaction } from '#domain/transaction.ts'
import type { World } from '#domain/world.ts'
import { problemBody } from './problem.ts'

/** `text` is JSON as it stands; without it `body` is written out. */
export type Answer = { status: number; headers?: Record<string, string>; body?: unknown; text?: string }

const KEEP_MS = 24 * 3_600_000

type First = { request: string; status: number; headers: Record<string, string>; body: string }

/**
 * The same key and request get the first answer again; the answer commits together with what it tells of, so that a crash leaves both
 * or neither. Problems: `idempotency_mismatch`, `idempotency_in_progress`, `validation_failed`.
 */
export async function once(
  world: World,
  asked: { orgId: string; key: string; method: string; path: string; body: unknown },
  work: (world: World) => Promise<Answer>,
): Promise<Answer & { replayed?: true }> {
  const { orgId, key } = asked
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw invalid('Idempotency-Key', 'must be 1 to 255 printable ASCII characters without blanks')
  const request = createHash('sha256')
    .update(`${asked.method} ${asked.path}\n${canonicalize(asked.body ?? null)}`)
    .digest('hex')
  return inTransaction(world, async (inside) => {
    const now = world.clock.now()
    const [lock] = await inside.sql.run<{ free: boolean }>(TRY_LOCK, [`${orgId}\n${key}`])
    if (!lock?.free) throw new Problem('idempotency_in_progress', 'The first request with this key is still running: try again.')
    const [first] = await inside.sql.run<First>(FIRST, [orgId, key, now])
    if (first) return replay(first, request)
    await inside.sql.run(SAVEPOINT, [])
    const answer = await work(inside).catch(async (error) => {
      if (!(error instanceof Problem)) throw error
      await inside.sql.run(ROLLBACK, []) // a refusal leaves nothing behind but itself
      return { status: error.status, body: problemBody(error), headers: { 'content-type': 'application/problem+json' } }
    })
    const text = textOf(answer)
    const expiresAt = new Date(now.getTime() + KEEP_MS)
    await inside.sql.run(KEEP, [orgId, key, request, answer.status, JSON.stringify(answer.headers ?? {}), text, expiresAt])
    return { ...answer, text }
  })
}

export const textOf = ({ text, body }: Answer) => text ?? JSON.stringify(body)

function replay(first: First, request: string) {
  if (first.request !== request) throw new Problem('idempotency_mismatch', 'This Idempotency-Key was used for another request.')
  return { status: first.status, headers: first.headers, body: null, text: first.body, replayed: true as const }
}

const TRY_LOCK = { name: 'try_key_lock', text: 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 3300)) AS "free"' }
const FIRST = {
  name: 'first_answer',
  text: 'SELECT "request", "status", "headers", "body" FROM "IdempotencyKey" WHERE "orgId" = $1 AND "key" = $2 AND "expiresAt" > $3::timestamptz',
}
const SAVEPOINT = { name: 'savepoint', text: 'SAVEPOINT work' }
const ROLLBACK = { name: 'rollback_to', text: 'ROLLBACK TO SAVEPOINT work' }
const KEEP = {
  name: 'keep_answer',
  text: `
INSERT INTO "IdempotencyKey" ("orgId", "key", "request", "status", "headers", "body", "expiresAt") VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7::timestamptz)
ON CONFLICT ("orgId", "key") DO UPDATE SET "request" = excluded."request", "status" = excluded."status", "headers" = excluded."headers",
  "body" = excluded."body", "expiresAt" = excluded."expiresAt"`,
}
