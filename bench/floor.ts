// The floor: the same endpoints over one table and nothing else. What any task server on Postgres has to do at the least.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import pg from 'pg'

const SLOTS = 10

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
await pool.query(`
CREATE TABLE task (
  "id" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "agentType" text NOT NULL, "title" text NOT NULL, "taskType" text NOT NULL,
  "priority" int NOT NULL, "status" text NOT NULL DEFAULT 'queued', "input" jsonb NOT NULL, "output" jsonb, "createdAt" timestamptz NOT NULL DEFAULT now());
CREATE INDEX task_queued ON task ("priority" DESC, "id") WHERE "status" = 'queued'`)

const INSERT = {
  name: 'insert',
  text: 'INSERT INTO task ("agentType", "title", "taskType", "priority", "input") VALUES ($1, $2, $3, $4, $5) RETURNING *',
}
const GET = { name: 'get', text: 'SELECT * FROM task WHERE "id" = $1' }
const CLAIM = {
  name: 'claim',
  text: `
UPDATE task SET "status" = 'running' WHERE "id" IN (
  SELECT "id" FROM task WHERE "status" = 'queued' ORDER BY "priority" DESC, "id" LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING "id", "input"`,
}
const COMPLETE = { name: 'complete', text: `UPDATE task SET "status" = 'completed', "output" = $2 WHERE "id" = $1` }

const app = new Hono()
app.get('/health', (c) => c.json({ status: 'ok' }))
app.post('/api/v1/tasks', async (c) => {
  const { agentType, title, taskType, priority = 5, input = {} } = await c.req.json()
  const { rows } = await pool.query({ ...INSERT, values: [agentType, title, taskType, priority, JSON.stringify(input)] })
  void work()
  return c.json(rows[0], 201)
})
app.get('/api/v1/tasks/:id', async (c) => {
  const { rows } = await pool.query({ ...GET, values: [c.req.param('id')] })
  return rows[0] ? c.json(rows[0]) : c.notFound()
})

let busy = 0
let claiming = false
let rung = false

/** Claims for the free slots until nothing is left; a POST meanwhile makes it look once more. */
async function work() {
  rung = true
  if (claiming) return
  claiming = true
  while (rung && busy < SLOTS) {
    rung = false
    const free = SLOTS - busy
    const { rows } = await pool.query({ ...CLAIM, values: [free] })
    if (rows.length === free) rung = true
    for (const { id, input } of rows) void complete(id, input)
  }
  claiming = false
}

async function complete(id: string, input: object) {
  busy += 1
  await pool.query({ ...COMPLETE, values: [id, JSON.stringify({ keys: Object.keys(input) })] })
  busy -= 1
  if (rung) void work()
}

serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(process.env.PORT) })
process.once('SIGTERM', () => process.exit(0))
