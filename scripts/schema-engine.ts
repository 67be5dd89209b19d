import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import pg from 'pg'

const SCHEMA = 'prisma/schema.prisma'
const MIGRATIONS = 'prisma/migrations'

/**
 * The SQL that turns the database that the migrations make into the one that schema.prisma describes; null when they agree.
 * Runs Prisma's own schema engine as WebAssembly (the native one would have to be downloaded), over shadow databases beside `url`.
 */
export async function pendingMigration(url: string, schemaText = readFileSync(SCHEMA, 'utf8')): Promise<string | null> {
  const pools: pg.Pool[] = []
  try {
    return await diff(await newEngine(url, schemaText, pools), schemaText)
  } finally {
    await Promise.all(pools.filter((pool) => !pool.ended).map((pool) => pool.end()))
  }
}

async function diff(engine: Engine, schemaText: string) {
  const filters = { externalTables: [], externalEnums: [] }
  const migrations = { ...migrationsList(), filters }
  await engine.devDiagnostic({ migrationsList: migrationsList(), filters }) // the engine wants this before it reads migrations
  const { stdout } = await engine.diff({
    from: { tag: 'migrations', ...migrations },
    to: { tag: 'schemaDatamodel', files: [{ path: SCHEMA, content: schemaText }] },
    script: true,
    exitCode: true,
    shadowDatabaseUrl: null,
    filters,
  })
  const sql = stdout?.trim() ?? ''
  return sql === '' || sql.startsWith('-- This is an empty migration') ? null : sql
}

function migrationsList() {
  const names = readdirSync(MIGRATIONS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  return {
    baseDir: MIGRATIONS,
    shadowDbInitScript: '',
    lockfile: { path: './migration_lock.toml', content: 'provider = "postgresql"\n' },
    migrationDirectories: names.map((path) => ({
      path,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok', value: readFileSync(join(MIGRATIONS, path, 'migration.sql'), 'utf8') },
      },
    })),
  }
}

type Engine = {
  devDiagnostic(input: unknown): Promise<unknown>
  diff(input: unknown): Promise<{ exitCode: number; stdout: string | null }>
}

let wasm: Promise<{ SchemaEngine: { new: (...args: unknown[]) => Promise<Engine> } }> | undefined

async function newEngine(url: string, content: string, pools: pg.Pool[]) {
  wasm ??= instantiate()
  const { SchemaEngine } = await wasm
  const factory = bindMigrationAwareSqlAdapterFactory(migrationFactory(url, pools) as never)
  return SchemaEngine.new({ datamodels: [[SCHEMA, content]] }, () => {}, factory)
}

async function instantiate() {
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: (message: string) => console.error(message) } })
  const folder = dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm'))
  const glue = await import(pathToFileURL(join(folder, 'schema_engine_bg.js')).href)
  const bytes = readFileSync(join(folder, 'schema_engine_bg.wasm'))
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': glue })
  glue.__wbg_set_wasm(instance.exports)
  ;(instance.exports as { __wbindgen_start?: () => void }).__wbindgen_start?.()
  return glue
}

const CATALOG_CHAR = 18
const UUID = 2950

/** adapter-pg cannot read the catalog's type "char": it is passed off as a uuid on the way in and called a character on the way out. */
class CatalogPool extends pg.Pool {
  // biome-ignore lint/suspicious/noExplicitAny: pg's query has a dozen overloads; this only passes them on
  override async query(...args: any[]): Promise<any> {
    const result = await (super.query as (...args: unknown[]) => Promise<pg.QueryResult>)(...args)
    for (const field of result?.fields ?? []) if (field.dataTypeID === CATALOG_CHAR) field.dataTypeID = UUID
    return result
  }
}

function migrationFactory(url: string, pools: pg.Pool[]) {
  const at = new URL(url)
  const server = {
    host: at.hostname,
    port: Number(at.port || 5432),
    user: at.username,
    password: decodeURIComponent(at.password),
  }
  const admin = async (sql: string) => {
    const client = new pg.Client({ ...server, database: 'postgres' })
    await client.connect()
    await client.query(sql).finally(() => client.end())
  }
  const open = async (database: string, after = async () => {}) => {
    const pool = new CatalogPool({ ...server, database, max: 4 })
    pools.push(pool)
    const adapter = await new PrismaPg(pool).connect()
    const queryRaw = adapter.queryRaw.bind(adapter)
    return Object.assign(adapter, {
      queryRaw: async (query: Parameters<typeof queryRaw>[0]) => {
        const result = await queryRaw(query)
        const columnTypes = result.columnTypes.map((type) => (type === ColumnTypeEnum.Uuid ? ColumnTypeEnum.Character : type))
        return { ...result, columnTypes }
      },
      executeScript: async (script: string) => void (await pool.query(script)), // whole: the original splits at every ;
      dispose: async () => {
        await pool.end()
        await after()
      },
    })
  }
  return {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => open(at.pathname.slice(1)),
    connectToShadowDb: async () => {
      const name = `shadow_${crypto.randomUUID().replaceAll('-', '')}`
      await admin(`CREATE DATABASE ${name}`)
      return open(name, () => admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
    },
  }
}
