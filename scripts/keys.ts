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

onFatal(async () => {
  const { verb, name, options } = readArguments()
  const database = await openDatabase(readConfig())
  const { prisma, close } = connect(database.url, { connections: 1 })
  try {
    await run(prisma, verb, name, options)
  } finally {
    await close()
    await database.stop()
  }
})

function readArguments() {
  try {
    const options = { org: { type: 'string' }, scopes: { type: 'string' }, name: { type: 'string' } } as const
    const { positionals, values } = parseArgs({ allowPositionals: true, options })
    return { verb: positionals[0], name: positionals[1], options: values }
  } catch (error) {
    throw new Error(`${(error as Error).message}; ${USAGE}`)
  }
}

async function run(
  db: PrismaClient,
  verb: string | undefined,
  name: string | undefined,
  options: { org?: string; scopes?: string; name?: string },
) {
  if (verb === 'create') return create(db, options)
  if (verb === 'list') {
    for (const key of await listKeys(db, options.org)) {
      console.log(
        `${key.id}  ${key.prefix}…  ${key.orgId}  ${key.scopes.join(',')}  ${key.createdAt}${key.revokedAt ? `  revoked ${key.revokedAt}` : ''}  ${key.name}`,
      )
    }
    return
  }
  if (verb !== 'revoke' || !name) throw new Error(USAGE)
  const key = await revokeKey(db, name)
  if (!key) throw new Error(`there is no key ${name} that is not revoked`)
  console.log(`revoked ${key.id} (${key.prefix}…) of ${key.orgId}`)
}

async function create(db: PrismaClient, { org, scopes = '', name = 'key' }: { org?: string; scopes?: string; name?: string }) {
  const asked = scopes.split(',').filter(Boolean)
  const wrong = asked.find((scope) => !SCOPES.includes(scope as Scope))
  if (!org || !/^[\w.-]{1,64}$/.test(org)) throw new Error(`--org: expected 1 to 64 letters, digits, _ . or -; ${USAGE}`)
  if (wrong || asked.length === 0)
    throw new Error(`--scopes: expected some of ${SCOPES.join(',')}${wrong ? `, not ${wrong}` : ''}`)
  const key = await createKey(db, { orgId: org, name, scopes: [...new Set(asked)] as Scope[] })
  console.log(key.secret)
  console.error(`made key ${key.id} for ${key.orgId} with ${key.scopes.join(', ')}: it is shown this once`)
}
