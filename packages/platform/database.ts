import { join } from 'node:path'
import type { Config } from './config.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './db/embedded.ts'
import { migrate } from './db/migrate.ts'

/** The database that the settings name, migrated: the one at DATABASE_URL, or the embedded one. Throws an Error with one line. */
export async function openDatabase(
  config: Pick<Config, 'DATABASE_URL' | 'DATA_DIR'>,
): Promise<EmbeddedPostgres & { where: string }> {
  const server = config.DATABASE_URL
    ? { url: config.DATABASE_URL, stop: async () => {} }
    : await startEmbeddedPostgres(config.DATA_DIR).catch((error) => {
        throw error.syscall ? new Error(`DATA_DIR=${config.DATA_DIR} cannot be used: ${error.message}`) : error
      })
  try {
    await migrate(server.url)
  } catch (error) {
    await server.stop()
    if (!config.DATABASE_URL) throw error
    throw new Error(`DATABASE_URL=${withoutPassword(config.DATABASE_URL)} cannot be used: ${oneLine(error as Error)}`)
  }
  return {
    ...server,
    where: config.DATABASE_URL ? withoutPassword(config.DATABASE_URL) : `embedded PostgreSQL in ${join(config.DATA_DIR)}`,
  }
}

/** Neither the password nor the query, which may hold one. */
function withoutPassword(url: string) {
  const { protocol, username, host, pathname } = new URL(url)
  return `${protocol}//${username ? `${username}@` : ''}${host}${pathname}`
}

/** Node reports a refused connection to several addresses as an error without a message of its own. */
function oneLine(error: Error & { code?: string; errors?: Error[] }) {
  const message = error.message || error.errors?.map((each) => each.message).join(', ') || error.code || 'no reason given'
  return message.split('\n')[0]
}
