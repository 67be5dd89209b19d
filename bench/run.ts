// npm run bench: the program beside a floor of its own. Options: --repeats <n>, --profile (where the CPU of a task goes; no figures).
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Postgres, startPostgres } from './database.ts'
import { stopAll } from './process.ts'
import { profile } from './profile.ts'
import { repeatOnce } from './repeat.ts'
import { type Machine, type Results, report } from './report.ts'
import { startUp } from './start-up.ts'

const { values: asked } = parseArgs({
  options: { repeats: { type: 'string', default: '3' }, profile: { type: 'boolean', default: false } },
})
if (process.platform !== 'linux')
  throw new Error('the bench reads CPU and memory from /proc: run it on Linux, or in the container')

let cleaning: Promise<void> | undefined
const folder = mkdtempSync(join(tmpdir(), 'agent-orchestrator-bench-'))
chmodSync(folder, 0o755) // PostgreSQL does not run as root, and its user must get in
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void cleanUp().finally(() => process.exit(130)))
const starting = startPostgres(join(folder, 'database'))

function cleanUp() {
  cleaning ??= stopAll()
    .then(() => starting)
    .then((postgres) => postgres.stop())
    .finally(() => rmSync(folder, { recursive: true, force: true }))
  return cleaning
}

try {
  const postgres = await starting
  if (cleaning) {
    // interrupted during the start
  } else if (asked.profile) console.log(await profile(postgres, folder))
  else {
    const results = await measureAll(postgres, Number(asked.repeats))
    console.log(`\n${report(results)}`)
    writeFileSync(new URL('latest.json', import.meta.url), `${JSON.stringify(results, rounded, 2)}\n`)
  }
} finally {
  await cleanUp()
}

async function measureAll(postgres: Postgres, count: number): Promise<Results> {
  const results: Results = { machine: machine(postgres.version), repeats: [], startUps: [] }
  for (let nth = 1; nth <= count; nth++) {
    console.error(`repeat ${nth} of ${count}`)
    results.repeats.push(await repeatOnce(postgres, nth))
    const database = await postgres.create(`start_${nth}`)
    results.startUps.push(await startUp(join(folder, `start-${nth}`), database.url).finally(database.drop))
  }
  return results
}

function machine(postgresVersion: string): Machine {
  return {
    cores: availableParallelism(),
    model: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    postgres: postgresVersion,
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    load: loadavg()[0] ?? Number.NaN,
  }
}

function commit() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

function rounded(_: string, value: unknown) {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value
}
