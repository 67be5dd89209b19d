import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { isAlive } from '#platform/process.ts'
import { freshDatabase } from '../support/database.ts'
import { startOllamaStub } from '../support/ollama-stub.ts'
import {
  analyticsTask,
  connectTo,
  embeddedPid,
  newDataDir,
  run,
  startProgram,
  taskThatIs,
  temporaryFolder,
} from '../support/program.ts'

const NOBODY_LISTENS = 'http://127.0.0.1:9'

test.concurrent('the first start on a new DATA_DIR says where it listens and what to try, and the second start still has the data', async () => {
  const DATA_DIR = newDataDir()
  const first = await startProgram({ env: { DATA_DIR } })
  expect(first.stdout()).toContain(`listening  ${first.url}  (reference: ${first.url}/docs)`)
  expect(first.stdout()).toContain(`database   embedded PostgreSQL in ${DATA_DIR}`)
  expect(first.stdout()).toMatch(/queue {6}postgres, 10 tasks at once/)
  expect(first.stdout()).toMatch(/model {6}builtin \(rules, no language model\)\n/)
  expect(first.stdout()).toMatch(/auth {7}off/)
  expect(first.stderr()).toBe('')

  const tried = await tryWhatItSays(first.stdout())
  expect(tried).toMatchObject({ status: 'queued', title: 'Say hello', orgId: 'local' })
  await taskThatIs(first.ask, tried.id, 'awaiting_approval')

  const postgres = embeddedPid(DATA_DIR) as number
  expect(isAlive(postgres)).toBe(true)
  const ended = await first.stop()
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  expect(isAlive(postgres)).toBe(false)

  const second = await startProgram({ env: { DATA_DIR } })
  const kept = await second.ask('GET', `/api/v1/tasks/${tried.id}`)
  expect(kept.body).toMatchObject({ id: tried.id, status: 'awaiting_approval' })
  const { body } = await second.ask('GET', '/api/v1/approvals')
  const approved = await second.ask('POST', `/api/v1/approvals/${body.data[0].id}/approve`, { body: {} })
  expect(approved.status).toBe(200)
  await taskThatIs(second.ask, tried.id, 'completed')
  await second.stop('SIGTERM')
  expect(embeddedPid(DATA_DIR)).toBeNull()
})

async function tryWhatItSays(printed: string) {
  const command = /\nTry:\n {2}(curl .*)\n$/.exec(printed)?.[1]
  expect(command).toBeDefined()
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', command as string])
  return JSON.parse(stdout)
}

test.concurrent('npm start starts it, and a signal to npm ends it with its database', async () => {
  const DATA_DIR = newDataDir()
  const program = await startProgram({ command: ['npm', 'start'], env: { DATA_DIR } })
  const health = await program.ask('GET', '/health')
  expect(health.status).toBe(200)
  expect(health.body).toMatchObject({
    status: 'ok',
    version: '0.1.0',
    checks: { database: 'ok', queue: 'ok', llm: 'ok', redis: 'off' },
  })
  await program.stop('SIGTERM')
  await expect(fetch(`${program.url}/health`)).rejects.toThrow()
  expect(embeddedPid(DATA_DIR)).toBeNull()
})

test.concurrent('four programs started at once on a new DATA_DIR share one database, and the last to leave ends it', async () => {
  const DATA_DIR = newDataDir()
  const programs = await Promise.all([1, 2, 3, 4].map(() => startProgram({ env: { DATA_DIR } })))
  const [one, ...others] = programs
  const made = await one?.ask('POST', '/api/v1/tasks', { body: analyticsTask })
  for (const { ask } of others) expect((await ask('GET', `/api/v1/tasks/${made?.body.id}`)).status).toBe(200)
  const ended = await Promise.all(programs.map((program) => program.stop()))
  expect(ended.map(({ code }) => code)).toEqual([0, 0, 0, 0])
  expect(embeddedPid(DATA_DIR)).toBeNull()
})

test.concurrent('a pid file left from a crash, whose pid now belongs to another program, does not keep it from starting', async () => {
  const DATA_DIR = newDataDir()
  const first = await startProgram({ env: { DATA_DIR } })
  const file = join(DATA_DIR, 'postgres/postmaster.pid')
  const [, ...rest] = readFileSync(file, 'utf8').split('\n')
  await first.stop()
  // A process of the user that runs PostgreSQL, so that PostgreSQL itself takes it for its other self.
  const { uid, gid } = statSync(join(DATA_DIR, 'postgres'))
  const other = run({ command: ['sleep', '60'], ...(process.getuid?.() === 0 ? { uid, gid } : {}) })
  writeFileSync(file, [other.pid, ...rest].join('\n'))
  const second = await startProgram({ env: { DATA_DIR } })
  expect(second.startMs).toBeLessThan(10_000)
  await second.stop()
  expect(isAlive(other.pid)).toBe(true)
  other.signal('SIGKILL')
})

test.concurrent('without AI_PROVIDER and without Ollama it falls back to the builtin model and says so loudly', async () => {
  const env = { DATABASE_URL: await freshDatabase(), AI_PROVIDER: '', OLLAMA_BASE_URL: NOBODY_LISTENS }
  const program = await startProgram({ env })
  expect(program.stdout()).toMatch(
    /model {6}builtin \(rules, no language model\)\n {2}NOTE {7}Ollama at http:\/\/127.0.0.1:9 does not answer.*AI_PROVIDER/,
  )
  await program.stop()
})

test.concurrent('without AI_PROVIDER it takes the Ollama that answers', async () => {
  const stub = await startOllamaStub({ answer: () => 'hang' })
  try {
    const program = await startProgram({
      env: { DATABASE_URL: await freshDatabase(), AI_PROVIDER: '', OLLAMA_BASE_URL: stub.url },
    })
    expect(program.stdout()).toMatch(/model {6}ollama llama2\n/)
    expect(program.stdout()).not.toContain('NOTE')
    await program.stop()
  } finally {
    await stub.close()
  }
})

test.concurrent('the database that it names is the one of DATABASE_URL, without its password', async () => {
  const url = new URL(await freshDatabase())
  const program = await startProgram({ env: { DATABASE_URL: `${url.href}?application_name=hidden` } })
  expect(program.stdout()).toContain(`database   postgresql://postgres@${url.host}${url.pathname}\n`)
  expect(program.stdout() + program.stderr()).not.toContain(url.password)
  await program.stop()
})

test.concurrent('blank variables count as unset', async () => {
  const names = [
    'HOST',
    'AUTH',
    'REDIS_URL',
    'QUEUE',
    'OLLAMA_MODEL',
    'MCP_GATEWAY_URL',
    'MAX_CONCURRENT_TASKS',
    'APPROVAL_TIMEOUT_HOURS',
  ]
  const blank = Object.fromEntries(names.map((name, nth) => [name, ' '.repeat(nth % 3)]))
  const program = await startProgram({ env: { DATABASE_URL: await freshDatabase(), ...blank } })
  expect(program.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(program.stdout()).toMatch(/queue {6}postgres, 10 tasks at once/)
  await program.stop()
})

/** One line on stderr, nothing else said, exit code 1. */
async function refused(env: Record<string, string>) {
  const ended = await run({ env: { PORT: '0', AI_PROVIDER: 'builtin', ...env } }).ended
  expect(ended.stdout).toBe('')
  expect(ended.stderr).toMatch(/^agent-orchestrator: [^\n]+\n$/)
  expect(ended.code).toBe(1)
  return ended
}

const wrong: [string, Record<string, string>, RegExp[]][] = [
  ['PORT=abc', { PORT: 'abc' }, [/^agent-orchestrator: PORT="abc": expected a whole number from 0 to 65535\n$/]],
  ['AUTH=maybe', { AUTH: 'maybe' }, [/^agent-orchestrator: AUTH="maybe": expected one of off, keys\n$/]],
  ['AUTH=off on 0.0.0.0', { AUTH: 'off', HOST: '0.0.0.0' }, [/AUTH="off": expected keys when HOST is 0\.0\.0\.0/]],
  ['HOST=0.0.0.0 alone', { HOST: '0.0.0.0' }, [/AUTH="off": expected keys when HOST is 0\.0\.0\.0/]],
  [
    'every bad variable at once',
    { PORT: '70000', APPROVAL_TIMEOUT_HOURS: '0', MAX_CONCURRENT_TASKS: '0', LOG_LEVEL: 'loud', AI_PROVIDER: 'foo' },
    [
      /PORT="70000": expected a whole number from 0 to 65535/,
      /APPROVAL_TIMEOUT_HOURS="0": expected a number from 0\.01 to 8760/,
      /MAX_CONCURRENT_TASKS="0": expected a whole number from 1 to 1000/,
      /LOG_LEVEL="loud": expected one of DEBUG, INFO, WARN/,
      /AI_PROVIDER="foo": expected one of ollama, /,
    ],
  ],
  [
    'DATABASE_URL=mysql',
    { DATABASE_URL: 'mysql://u:geheim@x/db?password=geheim' },
    [/DATABASE_URL="mysql:\/\/\*\*\*@x\/db": expected a URL that begins with postgresql:\/\/ or postgres:\/\//],
  ],
  ['DATABASE_URL without a scheme', { DATABASE_URL: 'u:ge/heim@x/db' }, [/DATABASE_URL="\*\*\*@x\/db": expected a URL/]],
]

test.concurrent.each(wrong)('%s is refused with one line that names it and what was expected', async (_, env, lines) => {
  const DATA_DIR = newDataDir()
  const { stderr } = await refused({ DATA_DIR, ...env })
  for (const line of lines) expect(stderr).toMatch(line)
  expect(stderr).not.toContain('geheim')
  expect(stderr).not.toContain('heim@')
  expect(embeddedPid(DATA_DIR)).toBeNull()
})

test.concurrent('a port that is in use is said in one line, and the embedded PostgreSQL does not stay behind', async () => {
  const DATA_DIR = newDataDir()
  const holder = createServer()
  await new Promise<void>((listening) => holder.listen(0, '127.0.0.1', listening))
  const { port } = holder.address() as { port: number }
  try {
    const { stderr, ms } = await refused({ DATA_DIR, PORT: String(port) })
    expect(stderr).toContain(`port ${port} on 127.0.0.1 is already in use: stop what uses it, or set PORT to another`)
    expect(ms).toBeLessThan(10_000)
    expect(readFileSync(join(DATA_DIR, 'postgres/PG_VERSION'), 'utf8')).toMatch(/^\d+\n$/) // it did start
    expect(embeddedPid(DATA_DIR)).toBeNull()
  } finally {
    holder.close()
  }
})

test.concurrent('an unreachable DATABASE_URL is said in one line without its password', async () => {
  const { stderr } = await refused({ DATABASE_URL: 'postgres://someone:ge@heim@127.0.0.1:9/db' })
  expect(stderr).toMatch(/DATABASE_URL=postgres:\/\/someone@127\.0\.0\.1:9\/db cannot be used: .*ECONNREFUSED/)
  expect(stderr).not.toContain('heim')
})

test.concurrent('a DATABASE_URL with a wrong password is said in one line without it', async () => {
  const url = Object.assign(new URL(await freshDatabase()), { password: 'geheim' })
  const { stderr } = await refused({ DATABASE_URL: url.href })
  expect(stderr).toMatch(/DATABASE_URL=.* cannot be used: password authentication failed for user "postgres"/)
  expect(stderr).not.toContain('geheim')
})

test.concurrent('a DATA_DIR that cannot be made is said in one line that names it', async () => {
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, '')
  const { stderr } = await refused({ DATA_DIR: join(file, 'data') })
  expect(stderr).toContain(`DATA_DIR=${join(file, 'data')} cannot be used: ENOTDIR`)
})

test.concurrent('data of another PostgreSQL version is left alone and said in one line', async () => {
  const DATA_DIR = newDataDir()
  mkdirSync(join(DATA_DIR, 'postgres'), { recursive: true })
  writeFileSync(join(DATA_DIR, 'postgres/PG_VERSION'), '14\n')
  const { stderr, ms } = await refused({ DATA_DIR })
  expect(stderr).toContain(`${DATA_DIR}/postgres was made by PostgreSQL 14 and this is `)
  expect(ms).toBeLessThan(5_000)
  expect(readFileSync(join(DATA_DIR, 'postgres/PG_VERSION'), 'utf8')).toBe('14\n')
})

test.concurrent('a password file that does not fit the data is said in one line, soon, and the server does not stay behind', async () => {
  const DATA_DIR = newDataDir()
  await (await startProgram({ env: { DATA_DIR } })).stop()
  writeFileSync(join(DATA_DIR, 'postgres-password'), 'another')
  const { stderr, ms } = await refused({ DATA_DIR })
  expect(stderr).toContain('password authentication failed')
  expect(ms).toBeLessThan(10_000)
  expect(embeddedPid(DATA_DIR)).toBeNull()
})

test.concurrent('a database client that is still connected does not keep the embedded PostgreSQL running', async () => {
  const DATA_DIR = newDataDir()
  const program = await startProgram({ env: { DATA_DIR } })
  const client = await connectTo(DATA_DIR)
  const wentAway = new Promise((gone) => client.on('error', gone)) // pg says it, and then that the connection ended
  expect(await program.stop()).toMatchObject({ code: 0, stderr: '' })
  expect(embeddedPid(DATA_DIR)).toBeNull()
  expect(String(await wentAway)).toContain('terminating connection')
})
