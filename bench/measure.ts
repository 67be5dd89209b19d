import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, openConnection } from './connection.ts'
import type { BenchDatabase } from './database.ts'
import { cpuMs, familyCpuMs, type Server } from './process.ts'
import type { Work } from './work.ts'

/** What is measured: a program, its database and the PostgreSQL that it is in. */
export type Subject = { server: Server; database: BenchDatabase; postgresPid: number }

const CLIENTS = 16
const LIMIT_MS = 60_000

/** Per task: milliseconds of CPU of the server, of PostgreSQL and of the client, and kilobytes of write-ahead log. */
export type Throughput = { perSecond: number; serverCpu: number; postgresCpu: number; clientCpu: number; walKb: number }

/** From the first POST until the last task is completed, as the database says. */
export async function throughput({ server, database, postgresPid }: Subject, work: Work, count: number): Promise<Throughput> {
  const connections = await Promise.all(Array.from({ length: CLIENTS }, () => openConnection(server.port)))
  const wanted = (await database.completed()) + count
  const walBefore = await database.walBytes()
  const before = { server: cpuMs(server.pid), postgres: familyCpuMs(postgresPid), client: process.cpuUsage() }
  const startedAt = performance.now()
  let posted = 0
  await Promise.all(
    connections.map(async (connection) => {
      while (posted < count) await post(connection, work.task(posted++))
    }),
  )
  while ((await database.completed()) < wanted) {
    if (performance.now() - startedAt > LIMIT_MS) throw new Error(`${work.name}: not completed within ${LIMIT_MS} ms`)
    await sleep(1)
  }
  const ms = performance.now() - startedAt
  const client = process.cpuUsage(before.client)
  for (const connection of connections) connection.close()
  return {
    perSecond: (count / ms) * 1000,
    serverCpu: (cpuMs(server.pid) - before.server) / count,
    postgresCpu: (familyCpuMs(postgresPid) - before.postgres) / count,
    clientCpu: (client.user + client.system) / 1000 / count,
    walKb: ((await database.walBytes()) - walBefore) / 1024 / count,
  }
}

/** One task at a time, from its POST until a GET says completed, asked without a pause. Milliseconds. */
export async function latency({ server }: Subject, work: Work, count: number): Promise<{ p50: number; p99: number }> {
  const connection = await openConnection(server.port)
  const times: number[] = []
  for (let nth = 0; nth < count; nth++) {
    const startedAt = performance.now()
    const id = await post(connection, work.task(nth))
    await untilCompleted(connection, id, startedAt)
    times.push(performance.now() - startedAt)
  }
  connection.close()
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.ceil(times.length * share) - 1] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99) }
}

async function untilCompleted(connection: Connection, id: string, startedAt: number) {
  for (;;) {
    const { text } = await connection.ask('GET', `/api/v1/tasks/${id}`)
    const status = /"status" ?: ?"(\w+)"/.exec(text)?.[1] // the task's own comes first
    if (status === 'completed') return
    if (status === 'failed' || status === 'cancelled') throw new Error(`the task ended ${status}: ${text.slice(0, 500)}`)
    if (performance.now() - startedAt > LIMIT_MS) throw new Error(`not completed within ${LIMIT_MS} ms: ${text.slice(0, 500)}`)
  }
}

async function post(connection: Connection, task: string): Promise<string> {
  const { status, text } = await connection.ask('POST', '/api/v1/tasks', task)
  if (status !== 201) throw new Error(`POST answered ${status}: ${text.slice(0, 500)}`)
  const id = /"id" ?: ?"([\w-]+)"/.exec(text)?.[1]
  if (!id) throw new Error(`POST gave no id: ${text.slice(0, 500)}`)
  return id
}

export type Inversion = {
  /** Tasks of priority 1 that started while one of priority 10 was there and had not started. */
  inverted: number
  /** How many of priority 1 still waited when the last of priority 10 started. */
  passed: number
  /** From the answer of a POST of priority 10 to its start, at the longest; 0 when it started before the answer. */
  waitedMs: number
}

/** A backlog of priority 1 becomes due at one moment; while it is worked off, tasks of priority 10 come in. */
export async function inversion({ server, database }: Subject, work: Work, backlog: number, urgent: number): Promise<Inversion> {
  const connections = await Promise.all(Array.from({ length: urgent }, () => openConnection(server.port)))
  const wanted = (await database.completed()) + backlog + urgent
  const due = Date.now() + 1_500
  const scheduledFor = new Date(due).toISOString()
  const low: string[] = []
  const asks = Array.from({ length: backlog }, (_, nth) => JSON.stringify({ ...JSON.parse(work.task(nth, 1)), scheduledFor }))
  await Promise.all(
    connections.map(async (connection) => {
      for (let ask = asks.pop(); ask !== undefined; ask = asks.pop()) low.push(await post(connection, ask))
    }),
  )
  if (Date.now() >= due) throw new Error('the backlog was due before it was posted')
  await sleep(due + 15 - Date.now()) // now its first tasks are being worked on
  const answered = await Promise.all(
    connections.map(async (connection, nth) => ({ id: await post(connection, work.task(nth, 10)), at: Date.now() })),
  )
  while ((await database.completed()) < wanted) {
    if (Date.now() - due > LIMIT_MS) throw new Error(`the backlog was not completed within ${LIMIT_MS} ms`)
    await sleep(5)
  }
  for (const connection of connections) connection.close()
  const starts = await startsOf(database)
  const waits = answered.map(({ id, at }) => ({ from: at, until: starts.get(id) ?? Number.NaN }))
  const last = Math.max(...waits.map(({ until }) => until))
  const lowStarts = low.map((id) => starts.get(id) ?? Number.NaN)
  return {
    inverted: lowStarts.filter((start) => waits.some(({ from, until }) => start > from && start < until)).length,
    passed: lowStarts.filter((start) => start >= last).length,
    waitedMs: Math.max(0, ...waits.map(({ from, until }) => until - from)),
  }
}

async function startsOf(database: BenchDatabase) {
  const rows = await database.query<{ id: string; startedAt: Date }>('SELECT "id", "startedAt" FROM "AgentTask"')
  return new Map(rows.map(({ id, startedAt }) => [id, startedAt?.getTime()]))
}
