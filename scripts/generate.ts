// Makes the Prisma client (prisma/client). The schema engine would be downloaded for no use here: generating does not need it.
import { spawnSync } from 'node:child_process'

const env = {
  ...process.env,
  PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
  CHECKPOINT_DISABLE: '1',
  PRISMA_HIDE_UPDATE_MESSAGE: '1',
}
const made = spawnSync('prisma', ['generate'], { env, encoding: 'utf8', shell: process.platform === 'win32' })
if (made.status !== 0) console.error(made.error?.message ?? `${made.stdout}${made.stderr}`)
process.exitCode = made.status ?? 1
