import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { isAlive } from '../process.ts'
import { binary, type Place, preparePlace } from './embedded-place.ts'

const DATABASE = 'agent_orchestrator'
const STARTUP_LIMIT_MS = 20_000
const GIVE_UP_MS = 3_000 // for a server that ends by itself again and again
const PRESENCE = 'agent-orchestrator: the embedded server is in use'
const PRESENCE_LOCK = 3300

export type EmbeddedPostgres = {
  url: string
  /** Ends the server, with whatever is still connected, unless another process has started it here too: the last one out turns off the light. */
  stop(): Promise<void>
}

/**
 * Starts the PostgreSQL that comes with the package in `dataDir`, or attaches to the one that already runs there.
 * It listens on 127.0.0.1 only, on a free port, with a password of its own (`dataDir/postgres-password`, mode 0600).
 * `settings` are PostgreSQL's own, by name. Throws an Error with one readable line when it cannot start.
 */
export async function startEmbeddedPostgres(dataDir: string, settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const place = preparePlace(resolve(dataDir))
  const log = join(place.home, 'postgres.log')
  let deadline = Date.now() + STARTUP_LIMIT_MS
  for (;;) {
    const running = runningServer(place.data)
    const server = running ?? (await launch(place, log, settings))
    const url = (database: string) => `postgresql://postgres:${place.password}@127.0.0.1:${server.port}/${database}`
    const presence = await becomePresent(url('postgres'), server.pid, deadline)
    if (presence instanceof pg.Client) return { url: url(DATABASE), stop: () => stop(presence, url('postgres'), place.data) }
    // Another process may have won the race for the same directory: then its pid file is there, and we attach to it.
    if (!running && !isAlive(server.pid)) deadline = Math.min(deadline, Date.now() + GIVE_UP_MS)
    if (Date.now() > deadline || presence.hopeless) {
      if (!running) await shutDown(server.pid)
      throw new Error(
        `the embedded PostgreSQL did not start: ${running ? presence.why : (lastFatal(log) ?? presence.why)}; see ${log}`,
      )
    }
    await sleep(100)
  }
}

/**
 * The server that runs in `data`, by its own pid file; null when there is none. A file left from a crash whose pid now belongs to some
 * other program would keep PostgreSQL from starting for as long as that program runs: it is taken away.
 */
function runningServer(data: string) {
  const file = join(data, 'postmaster.pid')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return null
  }
  const [pid, , , port] = text.split('\n').map(Number)
  if (!pid || !isAlive(pid)) return null
  if (commandOf(pid)?.includes(data) === false) {
    takeAway(file, text)
    return null
  }
  return port ? { pid, port } : null
}

/** The command line of a process; null where the system does not tell. */
function commandOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    const asked = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
    return asked.status === 0 ? asked.stdout : null
  }
}

/** Moved before it is removed: when another starter was faster, what we hold is its new file, and goes back. */
function takeAway(file: string, stale: string) {
  const held = `${file}.${process.pid}`
  try {
    renameSync(file, held)
    if (readFileSync(held, 'utf8') !== stale) renameSync(held, file)
    rmSync(held, { force: true })
  } catch {
    // another starter took it away
  }
}

async function launch(place: Place, logFile: string, more: Record<string, string>) {
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
  const log = openSync(logFile, 'a')
  // A group of its own: Ctrl-C in the terminal must reach us first, so that we can drain before the database goes.
  const child = spawn(
    binary(place, 'postgres'),
    ['-D', place.data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...place.user, cwd: '/', detached: true, stdio: ['ignore', log, log] },
  )
  closeSync(log)
  child.unref()
  await new Promise((spawned, failed) => child.once('spawn', spawned).once('error', failed))
  return { pid: child.pid as number, port }
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

/**
 * Connects, makes sure of the database, and keeps the connection: it says that the server is in use. Waits for whoever is just turning
 * the server off. Else answers what went wrong last; hopeless: it would go wrong again.
 */
async function becomePresent(
  url: string,
  pid: number,
  deadline: number,
): Promise<pg.Client | { why: string; hopeless: boolean }> {
  for (;;) {
    const client = new pg.Client({ connectionString: url, application_name: PRESENCE, connectionTimeoutMillis: 5_000 })
    client.on('error', () => {}) // the server went away: whoever asks it next hears of it
    try {
      await client.connect()
      await client.query('SELECT pg_advisory_lock_shared($1)', [PRESENCE_LOCK])
      await createDatabase(client)
      return client
    } catch (error) {
      await client.end().catch(() => {})
      const { code, message } = error as Error & { code?: string }
      const hopeless = code === '28P01' // the password file is not the one of this data
      if (hopeless || !isAlive(pid) || Date.now() > deadline) return { why: message, hopeless }
      await sleep(15)
    }
  }
}

async function createDatabase(client: pg.Client) {
  const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE])
  if (rowCount) return
  await client.query(`CREATE DATABASE ${DATABASE}`).catch((error) => {
    if (error.code !== '42P04' && error.code !== '23505') throw error // another process made it meanwhile
  })
}

/** What the server said last before it ended. */
function lastFatal(log: string) {
  const lines = readFileSync(log, 'utf8').slice(-8_000).split('\n')
  return lines.findLast((line) => /FATAL|PANIC/.test(line))?.replace(/^.*?(?=FATAL|PANIC)/, '')
}

/** Turned off under the lock: of several that leave at once exactly one is the last, and who comes just now waits, and starts it anew. */
async function stop(presence: pg.Client, url: string, data: string) {
  await presence.end().catch(() => {})
  const client = new pg.Client({ connectionString: url, application_name: PRESENCE, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ last: boolean }>('SELECT pg_try_advisory_lock($1) AS "last"', [PRESENCE_LOCK])
    const server = rows[0]?.last && runningServer(data)
    if (!server) return
    await shutDown(server.pid)
  } catch {
    // it does not answer: it is going down already
  } finally {
    await client.end().catch(() => {})
  }
}

async function shutDown(pid: number) {
  if (isAlive(pid)) process.kill(pid, 'SIGINT') // PostgreSQL's fast shutdown
  for (let waited = 0; isAlive(pid) && waited < 10_000; waited += 20) await sleep(20)
}
