import { createHash, randomBytes } from 'node:crypto'
import type { ApiKey, PrismaClient } from '#prisma/client/client.ts'
import type { Sql } from '../world.ts'
import type { KeyView, Scope } from './schema.ts'

const PREFIX = 'ao_'
const hashOf = (secret: string) => createHash('sha256').update(secret).digest('hex')

/** Makes a key; its secret is answered here and never again. */
export async function createKey(
  db: PrismaClient,
  ask: { orgId: string; name: string; scopes: Scope[] },
): Promise<KeyView & { secret: string }> {
  const secret = `${PREFIX}${randomBytes(32).toString('base64url')}`
  const row = await db.apiKey.create({ data: { ...ask, prefix: secret.slice(0, PREFIX.length + 6), hash: hashOf(secret) } })
  return { ...viewOf(row), secret }
}

export async function listKeys(db: PrismaClient, orgId?: string): Promise<KeyView[]> {
  const rows = await db.apiKey.findMany({ where: orgId ? { orgId } : {}, orderBy: { createdAt: 'asc' } })
  return rows.map(viewOf)
}

/** Revokes by id or by the prefix that lists show. Answers what was revoked; null when no live key has that name. */
export async function revokeKey(db: PrismaClient, idOrPrefix: string): Promise<KeyView | null> {
  const where = { OR: [{ id: idOrPrefix }, { prefix: idOrPrefix }], revokedAt: null }
  const [row] = await db.apiKey.updateManyAndReturn({ where, data: { revokedAt: new Date() } })
  return row ? viewOf(row) : null
}

/** Whose key this is; null when it is none, or revoked. Looked up at every request, so that revoking holds at once. */
export async function ownerOf(sql: Sql, secret: string): Promise<{ id: string; orgId: string; scopes: Scope[] } | null> {
  const [row] = await sql.run<{ id: string; orgId: string; scopes: Scope[] }>(OWNER, [hashOf(secret)])
  return row ?? null
}

const OWNER = {
  name: 'key_owner',
  text: 'SELECT "id", "orgId", "scopes" FROM "ApiKey" WHERE "hash" = $1 AND "revokedAt" IS NULL',
}

const viewOf = ({ hash: _, ...row }: ApiKey): KeyView => ({
  ...row,
  scopes: row.scopes as Scope[],
  createdAt: row.createdAt.toISOString(),
  revokedAt: row.revokedAt?.toISOString() ?? null,
})
