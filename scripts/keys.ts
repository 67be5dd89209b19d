// npm run keys -- create|list|revoke: the API's keys, beside a running service or without one.
import { parseArgs } from 'node:util'
import { createKey, listKeys, revokeKey } from '#domain/keys/keys.ts'
import { SCOPES, type Scope } from '#domain/keys/schema.ts'
import { readConfig } from '#platform/config.ts'
import { openDatabase } from '#platform/database.ts'
import { connect } from '#platform/db/connect.ts'
import { onFatal } from '#platform/process.ts'
import type { PrismaClient } from '#prisma/client/client.ts'

const USAGE = `usage: npm run keys -- create --org <org> --scopes ${SCOPES.join(',')} [--name <name>] | list [--org <org>] | revoke <id or prefix>`

type Work = (db: PrismaClient) => Promise<void>

onFatal(async () => {
  const work = readArguments()
  const database = await openDatabase(readConfig())
  const { prisma, close } = connect(database.url, { connections: 1 })
  try {
    await work(prisma)
  } finally {
    await close()
    await database.stop()
  }
})

/** What is asked for; what is wrong with it is said before any database is started. */
function readArguments(): Work {
  const { positionals, org, scopes, name } = parsed()
  const [verb, which, ...more] = positionals
  if (more.length > 0) throw new Error(`${more[0]}: expected nothing here; ${USAGE}`)
  if (verb === 'create' && !which) return create(org, scopes, name)
  if (verb === 'list' && !which) return list(org)
  if (verb === 'revoke' && which) return revoke(which)
  throw new Error(USAGE)
}

function parsed() {
  try {
    const options = { org: { type: 'string' }, scopes: { type: 'string' }, name: { type: 'string' } } as const
    const { positionals, values } = parseArgs({ allowPositionals: true, options })
    return { positionals, ...values }
  } catch (error) {
    throw new Error(`${(error as Error).message.split('\n')[0]}; ${USAGE}`)
  }
}

function create(org: string | undefined, scopes = '', name = 'key'): Work {
  const asked = scopes.split(',').filter(Boolean)
  const wrong = asked.find((scope) => !SCOPES.includes(scope as Scope))
  if (!org || !/^[\w.-]{1,64}$/.test(org)) throw new Error(`--org: expected 1 to 64 letters, digits, _ . or -; ${USAGE}`)
  if (wrong || asked.length === 0)
    throw new Error(`--scopes: expected some of ${SCOPES.join(',')}${wrong ? `, not ${wrong}` : ''}`)
  return async (db) => {
    const key = await createKey(db, { orgId: org, name, scopes: [...new Set(asked)] as Scope[] })
    console.log(key.secret)
    console.error(`made key ${key.id} for ${key.orgId} with ${key.scopes.join(', ')}: it is shown this once`)
  }
}

function list(org: string | undefined): Work {
  return async (db) => {
    for (const { id, prefix, orgId, scopes, createdAt, revokedAt, name } of await listKeys(db, org)) {
      const revoked = revokedAt ? `  revoked ${revokedAt}` : ''
      console.log(`${id}  ${prefix}…  ${orgId}  ${scopes.join(',')}  ${createdAt}${revoked}  ${name}`)
    }
  }
}

function revoke(which: string): Work {
  return async (db) => {
    const key = await revokeKey(db, which.replace(/…$/, ''))
    if (!key) throw new Error(`there is no key ${which} that is not revoked`)
    console.log(`revoked ${key.id} (${key.prefix}…) of ${key.orgId}`)
  }
}
