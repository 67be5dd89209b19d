import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openConnection } from './connection.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const COMPILE_CACHE = new URL('../functions/compile-cache.mjs', import.meta.url).href // as npm start has it
const START_LIMIT_MS = 60_000
const STOP_LIMIT_MS = 15_000

const running = new Set<ChildProcess>()

/** Ends every program that was started here and still runs. */
export const stopAll = async () => void (await Promise.all([...running].map(stop)))

export type Server = { pid: number; port: number; startedInMs: number; stop(): Promise<void> }

/** Starts a program of this repository on a free port; resolves with the first 200 on `path`. Whoever starts it stops it. */
export async function startServer(
  file: string,
  environment: Record<string, string>,
  options: { path?: string; flags?: string[] } = {},
): Promise<Server> {
  const { path = '/health', flags = [] } = options
  const port = await freePort()
  const { PATH = '', HOME = '' } = process.env // nothing else of ours: a DATABASE_URL or an OPENAI_API_KEY would change what is measured
  const startedAt = performance.now()
  const child = spawn(process.execPath, ['--import', COMPILE_CACHE, ...flags, join(ROOT, file)], {
    cwd: ROOT,
    env: { PATH, HOME, PORT: String(port), ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (piece) => {
    complaint = (complaint + piece).slice(-2_000)
  })
  try {
    while (!(await answers(port, path))) {
      if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}: ${complaint}`)
      if (performance.now() - startedAt > START_LIMIT_MS) throw new Error(`${file} does not answer: ${complaint}`)
      await sleep(2)
    }
  } catch (error) {
    await stop(child)
    throw error
  }
  return { pid: child.pid ?? 0, port, startedInMs: performance.now() - startedAt, stop: () => stop(child) }
}

async function answers(port: number, path: string) {
  try {
    const connection = await openConnection(port)
    const { status } = await connection.ask('GET', path).finally(connection.close)
    return status === 200
  } catch {
    return false
  }
}

async function stop(child: ChildProcess) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
  await ended
  clearTimeout(limit)
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

/** Milliseconds of CPU that the process's threads have had, from the scheduler's own count in nanoseconds. */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.reduce((sum, thread) => sum + ofThread(pid, thread), 0)
}

function ofThread(pid: number, thread: string) {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6
  } catch {
    return 0 // it ended meanwhile
  }
}

/** The same for a process and its children: PostgreSQL with its backends and writers. */
export function familyCpuMs(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return [pid, ...children.map(Number)].reduce((sum, member) => sum + cpuMs(member), 0)
}

/** Resident memory in MB, now and at its highest. */
export function memoryMb(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return { now: field('VmRSS'), peak: field('VmHWM') }
}
