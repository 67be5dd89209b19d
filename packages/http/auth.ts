import type { Context } from 'hono'
import { ownerOf } from '#domain/keys/keys.ts'
import { SCOPES, type Scope } from '#domain/keys/schema.ts'
import { Problem } from '#domain/problem.ts'
import type { World } from '#domain/world.ts'

/** Whose request it is: the org, and the key by which decisions are signed (null with AUTH=off). */
export type Caller = { orgId: string; keyId: string | null; scopes: readonly Scope[] }

const LOCAL: Caller = { orgId: 'local', keyId: null, scopes: SCOPES }

/** Problems: `unauthorized` without a valid key, `forbidden` without the scope. */
export async function authorize(c: Context, world: World, auth: 'off' | 'keys', scope: Scope): Promise<Caller> {
  const caller = auth === 'off' ? LOCAL : await callerOf(c, world)
  if (!caller.scopes.includes(scope))
    throw new Problem(
      'forbidden',
      `This needs a key with the scope ${scope}; this key has ${caller.scopes.join(', ') || 'none'}.`,
    )
  return caller
}

async function callerOf(c: Context, world: World): Promise<Caller> {
  const secret = /^Bearer +([\w.~+/=-]{1,200})$/i.exec(c.req.header('authorization') ?? '')?.[1]
  const owner = secret ? await ownerOf(world.sql, secret) : null
  if (!owner) throw new Problem('unauthorized', 'Send Authorization: Bearer <key>, with a key that was not revoked.')
  return { orgId: owner.orgId, keyId: owner.id, scopes: owner.scopes }
}
