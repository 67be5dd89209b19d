import { Agent, request } from 'node:http'
import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { agentTypes } from '#agents/index.ts'
import { createKey } from '#domain/keys/keys.ts'
import { SCOPES } from '#domain/keys/schema.ts'
import { PROBLEMS, type ProblemCode } from '#domain/problem.ts'
import { askWith, created, laterTask, postTask, taskAt, waitingTask } from '../support/api.ts'
import { startService, until } from '../support/service.ts'
import { quietLog } from '../support/world.ts'

const LIMIT_MS = 5_000
const AT_ONCE = 8
// The same requests every time, so that a failure can be had again; FUZZ_SEED and FUZZ_ROUNDS look further.
const SEED = Number(process.env.FUZZ_SEED ?? 3300)
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 120)
const MOST_MS = ROUNDS * 25 // a slow machine tries less

const { log, lines } = quietLog()
const { ask: anyone, world, port } = await startService({ env: { AUTH: 'keys' }, log })
const { secret } = await createKey(world.db, { orgId: 'fuzz', name: 'fuzz', scopes: [...SCOPES] })
const ask = askWith(anyone, secret)
const agent = new Agent({ keepAlive: true })
afterAll(() => agent.destroy())

await ask('GET', '/api/v1/agents')
const later = await created(ask, laterTask())
const waiting = await waitingTask(ask)
const posted = await waitingTask(ask)
await ask('POST', `/api/v1/approvals/${posted.approval.id}/approve`)
await taskAt(ask, posted.id, 'completed')
const delivery = (await ask('GET', `/api/v1/outbox?taskId=${posted.id}`)).body.data[0]
const { nextCursor } = (await ask('GET', '/api/v1/tasks?limit=1')).body

type Sent = { method: string; path: string; headers?: Record<string, string | string[]>; body?: string | Buffer }
type Got = { status: number; type: string; text: string }

/** One request over a socket, as the caller wrote it; rejects when there is no answer in time. A stream is left after its headers. */
function send({ method, path, headers = {}, body }: Sent): Promise<Got> {
  return new Promise((done, failed) => {
    const all = {
      authorization: `Bearer ${secret}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    }
    const options = { port, host: '127.0.0.1', method, path, headers: all, agent, timeout: LIMIT_MS }
    const sent = request(options, async (answer) => {
      const type = answer.headers['content-type'] ?? ''
      const status = answer.statusCode ?? 0
      if (type.startsWith('text/event-stream')) {
        done({ status, type, text: '' })
        return void sent.destroy()
      }
      const pieces: Buffer[] = []
      for await (const piece of answer) pieces.push(piece)
      clearTimeout(clock)
      done({ status, type, text: Buffer.concat(pieces).toString('utf8') })
    })
    const clock = setTimeout(() => {
      failed(new Error(`no answer within ${LIMIT_MS} ms`))
      sent.destroy()
    }, LIMIT_MS)
    sent.on('close', () => clearTimeout(clock))
    sent.on('error', failed)
    if (body !== undefined) sent.setHeader('content-length', Buffer.byteLength(body))
    sent.end(body)
  })
}

const LEAKS =
  /node_modules|\bat (?:\w|<|\/)[^"]*:\d+:\d+|file:\/\/|node:internal|prisma|SELECT |INSERT |relation "|syntax error at|invalid byte/i

/** Whatever was sent: never a 500, a stack trace, or a failure that is no problem with a code of the catalogue. */
function judge(sent: Sent, { status, type, text }: Got) {
  const where = `${sent.method} ${sent.path} -> ${status} ${text.slice(0, 500)}`
  expect(status, where).toBeGreaterThanOrEqual(200)
  expect(status, where).toBeLessThan(500)
  if (status < 300) return
  expect(text, where).not.toMatch(LEAKS)
  expect(type, where).toBe('application/problem+json')
  const problem = JSON.parse(text) as { code: ProblemCode; status: number; title: string; detail: string; errors?: unknown[] }
  expect(problem.status, where).toBe(status)
  expect(PROBLEMS[problem.code], where).toEqual({ status, title: problem.title })
  expect(problem.detail, where).toBeTypeOf('string')
  if (problem.code === 'validation_failed') expect(problem.errors?.length, where).toBeGreaterThan(0)
}

const createdIds = new Set<string>([later.id, waiting.id, posted.id])

/** What was taken is kept as it was said. */
function remember(sent: Sent, { status, text }: Got) {
  if (status !== 201) return
  const task = JSON.parse(text)
  createdIds.add(task.id)
  const said = JSON.parse(String(sent.body))
  expect(canonicalize(task.input)).toBe(canonicalize(said.input ?? {}))
}

async function fuzz(requests: fc.Arbitrary<Sent>, rounds = ROUNDS) {
  const deadline = performance.now() + MOST_MS
  await fc.assert(
    fc.asyncProperty(fc.array(requests, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (batch) => {
      if (performance.now() > deadline) return
      const answers = await Promise.all(batch.map((sent) => send(sent)))
      for (const [at, sent] of batch.entries()) {
        judge(sent, answers[at] as Got)
        remember(sent, answers[at] as Got)
      }
    }),
    { seed: SEED, numRuns: rounds, endOnFailure: true },
  )
}

const NASTY_JSON = [
  ...[
    'null',
    'true',
    '0',
    '-0',
    '-1',
    '1.5',
    '1e999',
    '-1e999',
    '1e308',
    '5e-324',
    '99999999999999999999',
    `${'9'.repeat(280)}e40`,
  ],
  ...[
    '""',
    '" "',
    '"\\u0000"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"🦊"',
    '"\\u2028"',
    '"__proto__"',
    '"#{7*7}"',
    '"\' OR 1=1 --"',
  ],
  ...[
    '[]',
    '{}',
    '[null]',
    '[[[[[[]]]]]]',
    '{"":""}',
    '{"__proto__":{"x":1}}',
    '{"constructor":{"prototype":{}}}',
    '{"toString":1}',
  ],
  ...['{"$ref":"steps.0.output"}', '{"a":1,"a":2}', '{"\\u0000":1}', '{"length":-1}', '{"toJSON":1}', '{"then":{}}'],
  ...['"0000-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999-14:00"', '"2026-02-29T00:00:00Z"', '"2026-01-01T24:00:00Z"'],
  ...['"2026-01-01T00:00:00+99:99"', '"275760-09-13T00:00:00Z"', '"2100-01-01T00:00:00.1234567890123Z"'],
  ...[
    `"${'x'.repeat(5_000)}"`,
    `${'['.repeat(90)}${']'.repeat(90)}`,
    `${'{"a":'.repeat(150)}1${'}'.repeat(150)}`,
    `[${'1,'.repeat(2_000)}1]`,
  ],
]

const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 }))
const jsonText = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NASTY_JSON) },
  { weight: 2, arbitrary: fc.json({ maxDepth: 4 }) },
  { weight: 1, arbitrary: anyText.map((text) => JSON.stringify(text)) },
  { weight: 1, arbitrary: fc.double().map((number) => (Number.isFinite(number) ? `${number}` : 'null')) },
)

/** The JSON text of an object of which some fields, known or not, hold anything; now and then it is cut off or something follows. */
function bodyOf(good: Record<string, unknown>, known: string[]): fc.Arbitrary<string> {
  const name = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...known) },
    { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', '', 'a\0') },
    { weight: 1, arbitrary: anyText },
  )
  const changes = fc.array(fc.tuple(name, jsonText), { maxLength: 2 })
  const whole = changes.map((changed) => {
    const fields = new Map(Object.entries(good).map(([key, value]) => [key, JSON.stringify(value)]))
    for (const [key, text] of changed) fields.set(key, text)
    return `{${[...fields].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`
  })
  const broken = fc
    .tuple(whole, fc.nat(60), fc.constantFrom('', ',', '}', '\0', '\u{feff}', '//'))
    .map(([text, cut, end]) => text.slice(0, -cut || undefined) + end)
  return fc.oneof({ weight: 12, arbitrary: whole }, { weight: 1, arbitrary: broken }, { weight: 1, arbitrary: jsonText })
}

const value = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e3',
    '200',
    '201',
    'queued',
    'pending',
    'acked',
    'publish',
    'null',
    '[object Object]',
    '\0',
    '%',
    '%00',
    '%ff',
    '..',
    '🦊',
  ),
  fc.constantFrom(later.id, waiting.approval.id, nextCursor, 'x'.repeat(600), "'; DROP TABLE x"),
  fc.json({ maxDepth: 2 }).map((text) => Buffer.from(text).toString('base64url')),
  fc.tuple(fc.double(), anyText).map((place) => Buffer.from(JSON.stringify(place)).toString('base64url')),
  anyText,
)
const encoded = value.chain((text) =>
  fc.constantFrom(encodeURIComponent(text.toWellFormed()), text.replaceAll(/[^!-~]|[#?\\]/g, '%')),
)
const query = (names: string[]) =>
  fc
    .array(fc.tuple(fc.constantFrom(...names, 'x', '__proto__', 'constructor'), encoded), { maxLength: 3 })
    .map((pairs) => (pairs.length ? `?${pairs.map(([name, text]) => `${name}=${text}`).join('&')}` : ''))

const idOr = (id: string) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(id) },
    { weight: 1, arbitrary: encoded.map((text) => text || 'nothing').map((text) => (/^\.+$/.test(text) ? 'dots' : text)) },
  )

const headers = fc.record(
  {
    'idempotency-key': fc.constantFrom(
      '',
      'a',
      'b',
      'c',
      ' ',
      'a b',
      'x'.repeat(255),
      'x'.repeat(256),
      'é',
      '"quoted"',
      'null',
      '__proto__',
    ),
    'content-type': fc.constantFrom(
      'application/json',
      'application/json; charset=utf-16',
      'text/plain',
      '',
      ';',
      'application/',
      'multipart/form-data',
      'x/y+json',
    ),
    'content-encoding': fc.constantFrom('gzip', 'identity', 'br'),
    accept: fc.constantFrom('', '*/*', 'text/html', 'application/xml'),
    'x-http-method-override': fc.constantFrom('DELETE', 'GET'),
    'x-forwarded-for': fc.constant("' OR 1=1"),
  },
  { requiredKeys: [] },
)
/** Most requests carry none of them, so that what is behind is reached. */
const someHeaders = fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: headers }) as fc.Arbitrary<
  Record<string, string>
>

const post = (path: fc.Arbitrary<string>, body: fc.Arbitrary<string>, method = 'POST') =>
  fc.record({ method: fc.constant(method), path, body, headers: someHeaders }) as fc.Arbitrary<Sent>

const taskFields = ['agentType', 'title', 'taskType', 'input', 'priority', 'skillId', 'scheduledFor', 'dependsOn', 'parentTaskId']

test('creating tasks with anything in any field', async () => {
  const good = fc.constantFrom<Record<string, unknown>>(
    laterTask(),
    { ...laterTask(), dependsOn: [later.id], parentTaskId: later.id },
    postTask(),
    ...agentTypes.map((agentType) => ({ agentType, title: 'x', taskType: 'report', input: {} })),
  )
  await fuzz(
    post(
      fc.constant('/api/v1/tasks'),
      good.chain((task) => bodyOf(task, taskFields)),
    ),
    ROUNDS * 2,
  )
})

test('changing agents with anything in any field', async () => {
  const config = { escalateBelow: 0.5, alwaysAsk: ['x'], budget: {}, channels: { publish: { webhook: 'https://example.com' } } }
  const update = bodyOf({ name: 'x', config }, ['name', 'autonomyLevel', 'isEnabled', 'config', 'allowedSkills', 'systemPrompt'])
  const inConfig = bodyOf(config, [
    'escalateBelow',
    'alwaysAsk',
    'approvalTimeoutHours',
    'model',
    'provider',
    'budget',
    'cache',
    'channels',
    'timeZone',
    'quietFrom',
  ])
  const body = fc.oneof(
    update,
    inConfig.map((text) => `{"config":${text}}`),
  )
  const path = fc
    .constantFrom('clip', 'publishing', 'revenue', 'chef', '__proto__', '%00')
    .map((type) => `/api/v1/agents/${type}`)
  await fuzz(post(path, body, 'PUT'))
  for (const agentType of agentTypes) {
    const calm = { isEnabled: true, config: {}, allowedSkills: null, autonomyLevel: 'copilot' }
    expect((await ask('PUT', `/api/v1/agents/${agentType}`, { body: calm })).status).toBe(200)
  }
})

test('deciding on approvals with anything in any field', async () => {
  const step = { tool: 'publish_post', input: { platform: 'x', text: 'x' }, notBefore: '2100-01-01T00:00:00Z' }
  const inStep = bodyOf(step, ['index', 'tool', 'input', 'why', 'basedOn', 'notBefore']).map(
    (text) => `{"editedAction":{"steps":[${text}]}}`,
  )
  const approve = bodyOf({ actionHash: 'a'.repeat(64) }, ['editedAction', 'actionHash', 'note'])
  const reject = bodyOf({}, ['reason'])
  const path = (verb: string) => idOr(waiting.approval.id).map((id) => `/api/v1/approvals/${id}/${verb}`)
  // the approval may be decided by one of them: that is a fine answer, too
  await fuzz(fc.oneof(post(path('approve'), inStep), post(path('approve'), approve), post(path('reject'), reject)))
})

test('cancelling and acknowledging with anything in any field', async () => {
  const cancel = post(
    idOr(waiting.id).map((id) => `/api/v1/tasks/${id}/cancel`),
    bodyOf({ reason: 'x' }, ['reason']),
  )
  const ack = post(
    idOr(delivery.id).map((id) => `/api/v1/outbox/${id}/ack`),
    bodyOf({}, ['status']),
  )
  await fuzz(fc.oneof(cancel, ack))
})

test('reading with anything in the path, the query and Last-Event-ID', async () => {
  const lists = fc.oneof(
    query(['status', 'agentType', 'crewId', 'limit', 'cursor']).map((text) => `/api/v1/tasks${text}`),
    query(['status', 'limit', 'cursor']).map((text) => `/api/v1/approvals${text}`),
    query(['status', 'channel', 'taskId', 'limit', 'cursor']).map((text) => `/api/v1/outbox${text}`),
    query(['limit']).map((text) => `/api/v1/agents${text}`),
  )
  const ones = fc.oneof(
    idOr(later.id).map((id) => `/api/v1/tasks/${id}`),
    idOr(later.id).map((id) => `/api/v1/tasks/${id}/events`),
    idOr(waiting.approval.id).map((id) => `/api/v1/approvals/${id}`),
    idOr('publishing').map((type) => `/api/v1/agents/${type}`),
    encoded.map((text) => `/${text}`),
  )
  const lastEventId = fc.constantFrom('', '0', '1', '999999999', '-1', 'x', '1e3', '99999999999999999999', ' 1 ', '0x1')
  const extra = fc.oneof(fc.constant({}), fc.record({ 'last-event-id': lastEventId }), headers) as fc.Arbitrary<
    Record<string, string>
  >
  await fuzz(fc.record({ method: fc.constant('GET'), path: fc.oneof(lists, ones), headers: extra }), ROUNDS * 2)
})

test('anything as Authorization and as a method', async () => {
  const word = fc.string({ unit: fc.constantFrom(...'aZ0 ._~+/=-,;:"\'\\\t\xe9\xff'), maxLength: 60 })
  const authorization = fc.oneof(
    word,
    word.map((text) => `Bearer ${text}`),
    fc.constant(`Bearer ${'x'.repeat(8_000)}`),
    fc.constant(`Bearer ${secret.slice(0, -1)}`),
  )
  const stranger = authorization.map((text) => ({
    method: 'POST',
    path: '/api/v1/tasks',
    headers: { authorization: text },
    body: JSON.stringify(laterTask('stranger')),
  }))
  const method = fc
    .tuple(
      fc.constantFrom('PATCH', 'DELETE', 'OPTIONS', 'PUT', 'PROPFIND', 'PURGE', 'TRACE', 'QUERY', 'M-SEARCH'),
      fc.constantFrom('/api/v1/tasks', '/health', '/docs', '/', `/api/v1/tasks/${later.id}`),
    )
    .map(([method, path]) => ({ method, path }))
  await fuzz(fc.oneof(stranger, method), 60)
  expect(await world.db.agentTask.count({ where: { title: 'stranger' } })).toBe(0)
})

test('bodies that are no text: any bytes, and many of them', async () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
  const inString = bytes.map((some) =>
    Buffer.concat([Buffer.from('{"agentType":"growth","title":"'), some, Buffer.from('","taskType":"x"}')]),
  )
  const large = fc.constantFrom('[', '{"a":', '"', '1', ' ', '\\').map((piece) => Buffer.from(piece.repeat(100_000)))
  const body = fc.oneof({ weight: 5, arbitrary: bytes }, { weight: 5, arbitrary: inString }, { weight: 1, arbitrary: large })
  const paths = fc.constantFrom(
    '/api/v1/tasks/nothing/cancel',
    '/api/v1/approvals/nothing/approve',
    '/api/v1/outbox/nothing/ack',
    '/api/v1/tasks',
  )
  const requests = fc.record({ method: fc.constant('POST'), path: paths, body, headers: someHeaders }) as fc.Arbitrary<Sent>
  await fuzz(
    requests.filter(({ path, body }) => path !== '/api/v1/tasks' || !isTask(String(body))),
    60,
  )
})

/** Random bytes may happen to be a task after all; such a one is for the first test. */
function isTask(text: string) {
  try {
    return typeof JSON.parse(text) === 'object'
  } catch {
    return false
  }
}

test('after all that: no error was logged, no task is there that was refused, and none is half-written', async () => {
  await until(
    () => world.db.agentTask.count({ where: { status: { in: ['planning', 'running'] }, leaseToken: { not: null } } }),
    (busy) => busy === 0,
  )
  const bugs = lines.filter(({ level }) => level === 'error').map(({ message, fields }) => `${message}: ${fields.error}`)
  expect([...new Set(bugs)]).toEqual([])

  const traces = Map.groupBy(await world.db.traceEntry.findMany({ orderBy: { seq: 'asc' } }), ({ taskId }) => taskId)
  const steps = Map.groupBy(await world.db.taskStep.findMany(), ({ taskId }) => taskId)
  const rows = await world.db.agentTask.findMany({ include: { approval: true, deliveries: true } })
  const tasks = rows.map((row) => ({ ...row, trace: traces.get(row.id) ?? [], steps: steps.get(row.id) ?? [] }))
  const answered = tasks.filter(({ trace }) => trace[0]?.message !== 'Created by another task').map(({ id }) => id)
  expect(answered.sort()).toEqual([...createdIds].sort())
  expect(answered.length).toBeGreaterThan(20)
  for (const task of tasks) {
    expect(
      task.trace.map(({ seq }) => seq),
      task.id,
    ).toEqual(Array.from({ length: task.traceLength }, (_, n) => n + 1))
    expect(task.trace[0]?.type).toBe('created')
    expect(task.approval?.status === 'pending', task.id).toBe(task.status === 'awaiting_approval')
    expect(task.deliveries.every(({ step }) => task.steps.some(({ index, status }) => index === step && status === 'done'))).toBe(
      true,
    )
    expect(task.finishedAt !== null, task.id).toBe(['completed', 'failed', 'cancelled'].includes(task.status))
  }
  expect(await world.db.agentConfig.count()).toBe(agentTypes.length)
  const kept = await world.db.idempotencyKey.findMany()
  expect(kept.length).toBeGreaterThan(0)
  for (const { status } of kept) expect(status).toBeLessThan(500)
})
