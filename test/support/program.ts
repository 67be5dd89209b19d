import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import pg from 'pg'
import { afterAll } from 'vitest'
import { isAlive } from '#platform/process.ts'
import { type Ask, askAt, until } from './service.ts'

export const REPOSITORY = resolve(import.meta.dirname, '../..')
const BIN = join(REPOSITORY, 'node_modules/.bin')
const COMPILED = join(tmpdir(), 'agent-orchestrator-e2e-compiled') // Node's cache of what it compiled: halves the cost of a start

export type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string; ms: number }
export type Run = {
  pid: number
  stdout(): string
  stderr(): string
  signal(name: NodeJS.Signals): void
  /** Settles once the process has ended and everything that it printed is here. */
  ended: Promise<Ended>
}
export type Program = Run & { url: string; ask: Ask; startMs: number; stop(signal?: NodeJS.Signals): Promise<Ended> }
export type RunOptions = { command?: string[]; cwd?: string; env?: Record<string, string>; uid?: number; gid?: number }

const runs: Run[] = []
const folders: string[] = []

// Whatever a failed test left behind: each process by its own group, each database by its own pid file.
afterAll(async () => {
  for (const { pid } of runs) endGroup(pid)
  await Promise.all(runs.map(({ ended }) => ended))
  for (const folder of folders) {
    const server = embeddedPid(join(folder, 'data'))
    if (server && isAlive(server)) {
      process.kill(server, 'SIGINT')
      await until(
        async () => isAlive(server),
        (alive) => !alive,
      )
    }
    rmSync(folder, { recursive: true, force: true })
  }
})

function endGroup(pid: number) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // it has ended
  }
}

/** A folder of its own, removed after the file's last test; readable for others, so that root's PostgreSQL keeps its data in it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'agent-orchestrator-e2e-'))
  chmodSync(folder, 0o755)
  folders.push(folder)
  return folder
}

/** A DATA_DIR that is not there yet. */
export const newDataDir = () => join(temporaryFolder(), 'data')

/** The process id of the embedded PostgreSQL in this DATA_DIR; null when there is none, or it has ended in order. */
export function embeddedPid(dataDir: string): number | null {
  try {
    return Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0])
  } catch {
    return null
  }
}

/** The rows that a statement answers, in the embedded database of this DATA_DIR, which must run, or at this URL. */
export async function query(where: string, text: string, values: unknown[] = []) {
  const client = await connectTo(where)
  try {
    return (await client.query(text, values)).rows
  } finally {
    await client.end()
  }
}

export async function connectTo(where: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: where.includes('://') ? where : embeddedUrl(where) })
  await client.connect()
  return client
}

function embeddedUrl(dataDir: string) {
  const port = readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[3]
  return `postgresql://postgres:${readFileSync(join(dataDir, 'postgres-password'), 'utf8')}@127.0.0.1:${port}/agent_orchestrator`
}

/** Runs a command (functions/local.ts unless told) as a user does, with these variables and no others of the service's. */
export function run({
  command = [process.execPath, 'functions/local.ts'],
  cwd = REPOSITORY,
  env = {},
  uid,
  gid,
}: RunOptions): Run {
  const [file = '', ...args] = command
  const startedAt = performance.now()
  const child = spawn(file, args, {
    cwd,
    uid,
    gid,
    env: {
      PATH: `${BIN}${delimiter}${process.env.PATH}`,
      HOME: process.env.HOME,
      NODE_NO_WARNINGS: '1',
      NODE_COMPILE_CACHE: COMPILED,
      ...env,
    },
    detached: true, // a group of its own, which can be ended whole
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (piece) => {
      printed[stream] += piece
    })
  const ended = new Promise<Ended>((settle, failed) => {
    child.once('error', failed)
    child.once('close', (code, signal) => settle({ code, signal, ...printed, ms: performance.now() - startedAt }))
  })
  const started: Run = {
    pid: child.pid ?? 0,
    stdout: () => printed.stdout,
    stderr: () => printed.stderr,
    signal: (name) => void process.kill(child.pid ?? 0, name),
    ended,
  }
  if (child.pid) runs.push(started)
  return started
}

/** Starts the program on a free port with the builtin model, unless told; answers once it has said that it listens. */
export async function startProgram({ env, ...options }: RunOptions): Promise<Program> {
  const startedAt = performance.now()
  const running = run({ ...options, env: { PORT: '0', AI_PROVIDER: 'builtin', LOG_LEVEL: 'ERROR', ...env } })
  const early = running.ended.then(({ code, stderr }) => {
    throw new Error(`the program ended with ${code} before it listened: ${stderr}`)
  })
  await Promise.race([
    early,
    until(
      async () => running.stdout(),
      (said) => said.includes('\nTry:\n') && said.endsWith('\n'),
      20_000,
    ),
  ])
  early.catch(() => {})
  const url = /listening {2}(\S+)/.exec(running.stdout())?.[1] ?? ''
  const stop = (signal: NodeJS.Signals = 'SIGINT') => {
    running.signal(signal)
    return running.ended
  }
  return { ...running, url, ask: askAt(url), startMs: performance.now() - startedAt, stop }
}

/** A task's view, once its status is this. */
export const taskThatIs = async (ask: Ask, id: string, status: string, limitMs?: number) =>
  (
    await until(
      () => ask('GET', `/api/v1/tasks/${id}`),
      ({ body }) => body?.status === status,
      limitMs,
    )
  ).body

export const analyticsTask = { agentType: 'analytics', title: 'How are we doing?', taskType: 'report' }
