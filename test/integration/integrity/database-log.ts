import type { Sql } from '#domain/world.ts'
import type { Effect, EffectLog } from './effects.ts'

const TABLE = `
CREATE TABLE IF NOT EXISTS test_effect (id serial PRIMARY KEY, org text, key text NOT NULL, tool text NOT NULL, input jsonb NOT NULL)`
const ONCE = `CREATE UNIQUE INDEX IF NOT EXISTS test_effect_key ON test_effect (key) WHERE tool = 'stamp'`

export async function prepareEffects(sql: Sql) {
  await sql.run({ name: 'effects_table', text: TABLE }, [])
  await sql.run({ name: 'effects_index', text: ONCE }, [])
}

/** Effects that outlive the process that had them: each is a row, committed by itself. */
export function databaseLog(sql: Sql): EffectLog {
  const insert = (effect: Effect, conflict: string) =>
    sql.run(
      { name: `effect${conflict}`, text: `INSERT INTO test_effect (key, tool, input) VALUES ($1, $2, $3::jsonb) ${conflict}` },
      [effect.key, effect.tool, JSON.stringify(effect.input)],
    )
  return {
    stamp: async (effect) => void (await insert(effect, `ON CONFLICT (key) WHERE tool = 'stamp' DO NOTHING`)),
    shout: async (effect) => void (await insert(effect, '')),
  }
}

export const effectsOf = (sql: Sql, taskId: string) =>
  sql.run<Effect>(
    { name: 'effects_of', text: `SELECT key, tool, input FROM test_effect WHERE key LIKE $1 || ':%' ORDER BY id` },
    [taskId],
  )
