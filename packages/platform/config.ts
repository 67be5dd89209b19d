import { z } from 'zod'
import { isLoopback } from '#domain/loopback.ts'

/** A setting is wrong: the process does not start. The message is one line, with the variable's name and what was expected. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

const url = (...protocols: string[]) =>
  z
    .string()
    .refine(
      (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol),
      `a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`,
    )
const http = url('http:', 'https:')
const oneOf = <const T extends [string, ...string[]]>(...values: T) => z.enum(values, `one of ${values.join(', ')}`)
const integer = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d+$/, `a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((n) => n >= least && n <= most, `a whole number from ${least} to ${most}`)
const number = (least: number, most: number) =>
  z
    .string()
    .transform(Number)
    .refine((n) => Number.isFinite(n) && n >= least && n <= most, `a number from ${least} to ${most}`)

const LEVELS = { DEBUG: 'debug', INFO: 'info', WARN: 'warn', WARNING: 'warn', ERROR: 'error' } as const

const variables = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: integer(0, 65_535).default(3300),
  AUTH: oneOf('off', 'keys').default('off'),
  DATABASE_URL: url('postgresql:', 'postgres:').optional(),
  DATA_DIR: z.string().default('.data'),
  REDIS_URL: url('redis:', 'rediss:').optional(),
  QUEUE: oneOf('postgres').default('postgres'),
  AI_PROVIDER: oneOf('ollama', 'builtin').optional(),
  OLLAMA_BASE_URL: http.default('http://127.0.0.1:11434'),
  OLLAMA_MODEL: z.string().default('llama2'),
  MCP_GATEWAY_URL: http.optional(),
  SKILLS_URL: http.optional(),
  KNOWLEDGE_URL: http.optional(),
  AI_PERSONALITY_URL: http.optional(),
  MAX_CONCURRENT_TASKS: integer(1, 1_000).default(10),
  APPROVAL_TIMEOUT_HOURS: number(0.01, 8_760).default(24),
  LOG_LEVEL: z
    .string()
    .transform((value) => value.toUpperCase())
    .pipe(oneOf('DEBUG', 'INFO', 'WARN', 'WARNING', 'ERROR'))
    .default('INFO')
    .transform((value) => LEVELS[value]),
})

export type Config = z.output<typeof variables>

/** Every setting, read once, at start; a blank counts as unset. Throws a ConfigError. */
export function readConfig(environment: Record<string, string | undefined> = process.env): Config {
  const names = Object.keys(variables.shape)
  const set = Object.fromEntries(names.flatMap((name) => (environment[name]?.trim() ? [[name, environment[name].trim()]] : [])))
  const parsed = variables.safeParse(set)
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => {
      const name = String(path[0])
      return `${name}=${JSON.stringify(shownValue(name, set[name] ?? ''))}: expected ${message}`
    })
    throw new ConfigError(wrong.join('; '))
  }
  if (parsed.data.AUTH === 'off' && !isLoopback(parsed.data.HOST)) {
    throw new ConfigError(
      `AUTH="off": expected keys when HOST is ${parsed.data.HOST}, for then others can reach it; off is for a loopback address`,
    )
  }
  return parsed.data
}

export const startedByNpm = () => process.env.npm_lifecycle_event !== undefined

/** A URL may hold a password, before its last @ or in its query, and what is wrong with it may be that it cannot be parsed. */
const shownValue = (name: string, value: string) =>
  name.endsWith('_URL') ? value.replace(/\?.*$/s, '').replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, '$1***@') : value
