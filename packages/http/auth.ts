import type { Context } from 'hono'
import { ownerOf } from '#domain/keys/keys.ts'
import { SCOPES, type Scope } from '#domain/keys/schema.ts'
import { isLoopback } from '#domain/loopback.ts'
import { Problem } from '#domain/problem.ts'
import type { World } from '#domain/world.ts'

/** Whose request it is: the org, and the key by which decisions are signed (null with AUTH=off). */
export type Caller = { orgId: string; keyId: string | null; scopes: readonly Scope[] }

const LOCAL: Caller = { orgId: 'local', keyId: null, scopes: SCOPES }

/** Problems: `unauthorized` without a valid key, `forbidden` without the scope. */
export async function authorize(c: Context, world: World, auth: 'off' | 'keys', scope: Scope): Promise<Caller> {
  const caller = auth === 'off' ? localCaller(c) : await callerOf(c, world)
  if (!caller.scopes.includes(scope))
    throw new Problem(
      'forbidden',
      `This needs a key with the scope ${scope}; this key has ${caller.scopes.join(', ') || 'none'}.`,
    )
  return caller
}

/**
 * Without keys the address is all that protects: a page from elsewhere that runs in this machine's browser must not act, neither straight
 * (Sec-Fetch-Site) nor by a name of its own that points here (Host).
 */
function localCaller(c: Context): Caller {
  const site = c.req.header('sec-fetch-site') ?? 'none'
  const host = (c.req.header('host') ?? 'localhost').replace(/:\d+$/, '').replace(/^\[|\]$/g, '') // every browser sends one
  if (isLoopback(host) && ['same-origin', 'none'].includes(site)) return LOCAL
  throw new Problem(
    'forbidden',
    'With AUTH=off only this machine itself is served, by a loopback address: start with AUTH=keys for others.',
  )
}

async function callerOf(c: Context, world: World): Promise<Caller> {
  const secret = /^Bearer +([\w.~+/=-]{1,200})$/i.exec(c.req.header('authorization') ?? '')?.[1]
  const owner = secret ? await ownerOf(world.sql, secret) : null
  if (!owner) throw new Problem('unauthorized', 'Send Authorization: Bearer <key>, with a key that was not revoked.')
  return { orgId: owner.orgId, keyId: owner.id, scopes: owner.scopes }
}
