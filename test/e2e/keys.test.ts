import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { freshDatabase } from '../support/database.ts'
import { analyticsTask, embeddedPid, newDataDir, query, run, startProgram } from '../support/program.ts'

const keys = (env: Record<string, string>, ...args: string[]) =>
  run({ command: [process.execPath, 'scripts/keys.ts', ...args], env }).ended

test.concurrent('npm run keys beside a running npm start makes a key that works at once, lists it without its secret, and revokes it', async () => {
  const DATA_DIR = newDataDir()
  const program = await startProgram({ env: { DATA_DIR, AUTH: 'keys' } })
  expect(program.stdout()).toMatch(/auth {7}keys: npm run keys -- create --org <org>/)
  expect((await program.ask('GET', '/api/v1/tasks')).status).toBe(401)
  const postgres = embeddedPid(DATA_DIR)

  const made = await run({
    command: ['npm', 'run', 'keys', '--', 'create', '--org', 'acme', '--scopes', 'read,write', '--name', 'laptop'],
    env: { DATA_DIR },
  }).ended
  expect(made.code).toBe(0)
  const key = /^ao_\S{40,}$/m.exec(made.stdout)?.[0] ?? ''
  expect((await program.ask('POST', '/api/v1/tasks', { key, body: analyticsTask })).body).toMatchObject({ orgId: 'acme' })
  expect((await program.ask('PUT', '/api/v1/agents/analytics', { key, body: {} })).status).toBe(403)

  const stored = await query(DATA_DIR, 'SELECT * FROM "ApiKey"')
  expect(stored).toMatchObject([{ orgId: 'acme', name: 'laptop', hash: createHash('sha256').update(key).digest('hex') }])
  expect(JSON.stringify(stored)).not.toContain(key)

  const listed = await keys({ DATA_DIR }, 'list', '--org', 'acme')
  expect(listed.stdout).toMatch(new RegExp(`^\\S+ {2}${key.slice(0, 9)}… {2}acme {2}read,write {2}\\S+ {2}laptop\n$`))
  expect((await keys({ DATA_DIR }, 'list', '--org', 'another')).stdout).toBe('')

  const revoked = await keys({ DATA_DIR }, 'revoke', key.slice(0, 9))
  expect(revoked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^revoked \S+ \(ao_\S+…\) of acme\n$/) })
  expect((await program.ask('GET', '/api/v1/tasks', { key })).status).toBe(401)
  expect((await keys({ DATA_DIR }, 'list')).stdout).toContain('  revoked 20')

  expect(embeddedPid(DATA_DIR)).toBe(postgres) // attached, and left it running
  expect(await program.stop()).toMatchObject({ code: 0 })
  expect(embeddedPid(DATA_DIR)).toBeNull()
})

test.concurrent('without a running service npm run keys starts the database and ends it, and the key works after the start', async () => {
  const DATA_DIR = newDataDir()
  const made = await keys({ DATA_DIR }, 'create', '--org', 'acme', '--scopes', 'read')
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ao_\S+\n$/) })
  expect(made.stderr).toMatch(/^made key \S+ for acme with read: it is shown this once\n$/)
  expect(embeddedPid(DATA_DIR)).toBeNull()
  const program = await startProgram({ env: { DATA_DIR, AUTH: 'keys' } })
  expect((await program.ask('GET', '/api/v1/agents', { key: made.stdout.trim() })).status).toBe(200)
  await program.stop()
})

test.concurrent('a program that starts while npm run keys is leaving has its database all the same', async () => {
  const DATA_DIR = newDataDir()
  const first = await keys({ DATA_DIR }, 'list')
  expect(first.code).toBe(0)
  for (let round = 0; round < 2; round++) {
    const [listed, program] = await Promise.all([keys({ DATA_DIR }, 'list'), startProgram({ env: { DATA_DIR } })])
    expect(listed.code).toBe(0)
    expect((await program.ask('GET', '/health')).body.checks.database).toBe('ok')
    await program.stop()
    expect(embeddedPid(DATA_DIR)).toBeNull()
  }
})

const wrong: [string, string[], RegExp][] = [
  ['no verb', [], /usage: npm run keys/],
  ['no org', ['create', '--scopes', 'read'], /--org: expected 1 to 64 letters/],
  ['another scope', ['create', '--org', 'acme', '--scopes', 'read,all'], /--scopes: expected some of .*, not all/],
  ['an unknown option', ['list', '--force'], /Unknown option '--force'.*usage: npm run keys/],
]

test.concurrent.each(wrong)('%s is said in one line, before any database is started', async (_, args, line) => {
  const DATA_DIR = newDataDir()
  const ended = await keys({ DATA_DIR }, ...args)
  expect(ended.stderr).toMatch(/^agent-orchestrator: [^\n]+\n$/)
  expect(ended.stderr).toMatch(line)
  expect(ended).toMatchObject({ code: 1, stdout: '' })
  expect(embeddedPid(DATA_DIR)).toBeNull()
})

test.concurrent('revoking what is no key is said in one line', async () => {
  const ended = await keys({ DATABASE_URL: await freshDatabase() }, 'revoke', 'ao_nobody')
  expect(ended).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'agent-orchestrator: there is no key ao_nobody that is not revoked\n',
  })
})
