import { describe, expect, test } from 'vitest'
import { createKey } from '#domain/keys/keys.ts'
import { askWith, created, everything, laterTask, postTask, taskAt, waitingTask, withClient } from '../support/api.ts'
import { freshDatabase } from '../support/database.ts'
import { startService, until } from '../support/service.ts'
import { testWorld } from '../support/world.ts'

const databaseUrl = await freshDatabase()
let ahead = 0
const { ask, world } = await startService({ databaseUrl, clock: { now: () => new Date(Date.now() + ahead) } })
await ask('GET', '/api/v1/agents')

let made = 0
const newKey = () => `key-${++made}`
const send = (key: string, body: unknown, path = '/api/v1/tasks') =>
  ask('POST', path, { body, headers: { 'idempotency-key': key } })
const tasksTitled = (title: string) => world.db.agentTask.count({ where: { title } })

/** While `work` runs, answers with a key stop just before they are kept: everything is done and nothing is committed. */
const whileNoneIsKept = <T>(work: (letGo: () => Promise<void>) => Promise<T>) =>
  withClient(databaseUrl, async (client) => {
    await client.query('BEGIN; LOCK TABLE "IdempotencyKey" IN EXCLUSIVE MODE')
    return work(async () => void (await client.query('COMMIT')))
  })

/** The connections that wait there. */
const held = () =>
  withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%"IdempotencyKey"%'`,
    )
    return rows.map(({ pid }) => pid)
  })

describe('the same key and body', () => {
  test('give the first answer again, letter for letter, and one task', async () => {
    const key = newKey()
    const first = await send(key, laterTask('twice'))
    const second = await send(key, laterTask('twice'))
    expect(first.status).toBe(201)
    expect(second).toMatchObject({ status: 201, text: first.text })
    for (const header of ['location', 'content-type']) expect(second.headers.get(header)).toBe(first.headers.get(header))
    expect([first, second].map(({ headers }) => headers.get('idempotent-replayed'))).toEqual([null, 'true'])
    expect(await tasksTitled('twice')).toBe(1)
  })

  test('give it also when the fields come in another order', async () => {
    const key = newKey()
    const first = await send(key, { ...laterTask('order'), input: { a: 1, b: 2 } })
    const { title, ...rest } = laterTask('order')
    expect((await send(key, { input: { b: 2, a: 1 }, ...rest, title })).text).toBe(first.text)
    expect(await tasksTitled('order')).toBe(1)
  })

  test('give it also when the task has gone on since', async () => {
    const key = newKey()
    const first = await send(key, postTask('gone on'))
    await taskAt(ask, first.body.id, 'awaiting_approval') // its bell rang, after the commit
    expect((await send(key, postTask('gone on'))).text).toBe(first.text)
  })

  test('twenty times at once make one task: every answer is the first, or 409 while it runs', async () => {
    const key = newKey()
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(key, laterTask('storm'))))
    const fresh = answers.filter(({ status, headers }) => status === 201 && !headers.get('idempotent-replayed'))
    expect(fresh).toHaveLength(1)
    for (const { status, text, body } of answers) {
      if (status === 201) expect(text).toBe(fresh[0]?.text)
      else expect({ status, code: body.code }).toEqual({ status: 409, code: 'idempotency_in_progress' })
    }
    expect(await tasksTitled('storm')).toBe(1)
    expect(await send(key, laterTask('storm'))).toMatchObject({ status: 201, text: fresh[0]?.text })
  })

  test('approve once, and answer the same 200 both times', async () => {
    const { id, approval } = await waitingTask(ask)
    const path = `/api/v1/approvals/${approval.id}/approve`
    const key = newKey()
    const first = await send(key, { note: 'yes' }, path)
    const second = await send(key, { note: 'yes' }, path)
    expect(first).toMatchObject({ status: 200, body: { status: 'approved', note: 'yes' } })
    expect(second).toMatchObject({ status: 200, text: first.text })
    await taskAt(ask, id, 'completed')
    const { data } = (await ask('GET', `/api/v1/outbox?taskId=${id}`)).body
    expect(data).toHaveLength(1)

    const ack = `/api/v1/outbox/${data[0].id}/ack`
    const acks = [await send('ack', undefined, ack), await send('ack', undefined, ack), await ask('POST', ack)]
    expect(acks.map(({ status }) => status)).toEqual([200, 200, 409])
    expect(acks[1]?.text).toBe(acks[0]?.text)
  })

  test('reject and cancel once, and answer the same 200 both times', async () => {
    const { approval } = await waitingTask(ask)
    const later = await created(ask, laterTask())
    for (const path of [`/api/v1/approvals/${approval.id}/reject`, `/api/v1/tasks/${later.id}/cancel`]) {
      const key = newKey()
      const answers = [await send(key, {}, path), await send(key, {}, path), await ask('POST', path)]
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 409])
      expect(answers[1]?.text).toBe(answers[0]?.text)
    }
  })
})

describe('the same key for something else', () => {
  test('answers 422 and does nothing: another body, another path', async () => {
    const key = newKey()
    const first = await send(key, laterTask('original'))
    const before = await everything(world)
    expect(await send(key, laterTask('other'))).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } })
    const cancel = await send(key, laterTask('original'), '/api/v1/tasks/nothing/cancel')
    expect([400, 422]).toContain(cancel.status)
    expect(await send(key, undefined, `/api/v1/tasks/${first.body.id}/cancel`)).toMatchObject({ status: 422 })
    expect(await everything(world)).toEqual(before)
    expect((await send(key, laterTask('original'))).text).toBe(first.text)
  })

  test('a body that differs only in a default still differs', async () => {
    const key = newKey()
    await send(key, laterTask('default'))
    expect((await send(key, { ...laterTask('default'), priority: 5 })).status).toBe(422)
  })
})

describe('while the first still runs', () => {
  test('the same key answers 409, and another key is not held up', async () => {
    const key = newKey()
    await whileNoneIsKept(async (letGo) => {
      const first = send(key, laterTask('slow'))
      await until(held, (pids) => pids.length === 1)
      expect(await send(key, laterTask('slow'))).toMatchObject({ status: 409, body: { code: 'idempotency_in_progress' } })
      expect(await send(key, laterTask('another body'))).toMatchObject({ status: 409 })
      expect((await ask('POST', '/api/v1/tasks', { body: laterTask('no key') })).status).toBe(201)
      expect(await tasksTitled('slow')).toBe(0)
      await letGo()
      expect((await first).status).toBe(201)
      expect((await send(key, laterTask('slow'))).text).toBe((await first).text)
    })
    expect(await tasksTitled('slow')).toBe(1)
  })

  test('a crash before the answer was kept leaves no task, and the retry makes exactly one', async () => {
    const key = newKey()
    await whileNoneIsKept(async (letGo) => {
      const first = send(key, laterTask('crash'))
      const [pid] = await until(held, (pids) => pids.length === 1)
      await withClient(databaseUrl, (client) => client.query('SELECT pg_terminate_backend($1)', [pid]))
      expect(await first).toMatchObject({ status: 503, body: { code: 'database_unavailable' } })
      await letGo()
    })
    expect(await tasksTitled('crash')).toBe(0)
    const retried = await send(key, laterTask('crash'))
    expect(retried.status).toBe(201)
    expect(retried.headers.get('idempotent-replayed')).toBeNull()
    expect((await send(key, laterTask('crash'))).text).toBe(retried.text)
    expect(await tasksTitled('crash')).toBe(1)
  })

  test('a crash while approving leaves the approval pending, and the retry approves it', async () => {
    const { id, approval } = await waitingTask(ask)
    const path = `/api/v1/approvals/${approval.id}/approve`
    const key = newKey()
    await whileNoneIsKept(async (letGo) => {
      const first = send(key, {}, path)
      const [pid] = await until(held, (pids) => pids.length === 1)
      await withClient(databaseUrl, (client) => client.query('SELECT pg_terminate_backend($1)', [pid]))
      expect((await first).status).toBe(503)
      await letGo()
    })
    expect((await ask('GET', `/api/v1/approvals/${approval.id}`)).body.status).toBe('pending')
    expect((await send(key, {}, path)).status).toBe(200)
    await taskAt(ask, id, 'completed')
  })
})

describe('a refusal', () => {
  test('409 is given again, also when the reason is gone; a new key is judged anew', async () => {
    await ask('PUT', '/api/v1/agents/revenue', { body: { isEnabled: false } })
    const body = { ...laterTask('refused'), agentType: 'revenue' }
    const key = newKey()
    const first = await send(key, body)
    expect(first).toMatchObject({ status: 409, body: { code: 'agent_disabled' } })
    await ask('PUT', '/api/v1/agents/revenue', { body: { isEnabled: true } })
    const second = await send(key, body)
    expect(second).toMatchObject({ status: 409, text: first.text })
    expect(second.headers.get('content-type')).toBe('application/problem+json')
    expect(second.headers.get('idempotent-replayed')).toBe('true')
    expect(await tasksTitled('refused')).toBe(0)
    expect((await send(newKey(), body)).status).toBe(201)
  })

  test.each([
    ['404', '/api/v1/approvals/nothing/approve', {}, 'not_found'],
    ['404', '/api/v1/tasks/nothing/cancel', {}, 'not_found'],
    ['404', '/api/v1/outbox/nothing/ack', {}, 'not_found'],
    ['400', '/api/v1/tasks', { ...laterTask('bad'), dependsOn: ['nothing'] }, 'validation_failed'],
    ['400', '/api/v1/tasks', { ...laterTask('bad'), priority: 11 }, 'validation_failed'],
  ])('%s from %s is given again and leaves nothing behind', async (status, path, body, code) => {
    const before = await everything(world)
    const key = newKey()
    const [first, second] = [await send(key, body, path), await send(key, body, path)]
    expect(first).toMatchObject({ status: Number(status), body: { code } })
    expect({ ...second.body, requestId: '' }).toEqual({ ...first.body, requestId: '' })
    expect(await everything(world)).toEqual(before)
  })

  test('half of what was done before it is undone', async () => {
    const first = await created(ask, laterTask('first'))
    const before = await everything(world)
    const answer = await send(newKey(), { ...laterTask('half'), parentTaskId: first.id, dependsOn: [first.id, 'nothing'] })
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'dependsOn.1' }] } })
    expect(await everything(world)).toEqual(before)
  })
})

test('a key is kept for 24 hours', async () => {
  const key = newKey()
  const first = await send(key, laterTask('day'))
  try {
    ahead = 24 * 3_600_000 - 60_000
    expect((await send(key, laterTask('day'))).text).toBe(first.text)
    ahead = 24 * 3_600_000 + 60_000
    const next = await send(key, laterTask('day'))
    expect(next.status).toBe(201)
    expect(next.body.id).not.toBe(first.body.id)
    expect((await send(key, laterTask('day'))).text).toBe(next.text)
    expect(await tasksTitled('day')).toBe(2)
  } finally {
    ahead = 0
  }
})

test.each(['', ' ', 'a b', 'é', 'x'.repeat(256), 'a\tb'])('the key %j answers 400 and does nothing', async (key) => {
  const answer = await send(key, laterTask('bad key'))
  expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'Idempotency-Key' }] } })
  expect(await tasksTitled('bad key')).toBe(0)
})

test('a key may have 255 characters of any printable kind', async () => {
  const key = `!"#$%&'()*+,-./:;<=>?@[]^_{|}~\\`.padEnd(255, 'x')
  const first = await send(key, laterTask('long key'))
  expect(first.status).toBe(201)
  expect((await send(key, laterTask('long key'))).text).toBe(first.text)
})

test('only POST looks at it: a GET and a PUT are answered as they are', async () => {
  const headers = { 'idempotency-key': newKey() }
  const names = []
  for (const name of ['first', 'second'])
    names.push((await ask('PUT', '/api/v1/agents/clip', { body: { name }, headers })).body.name)
  expect(names).toEqual(['first', 'second'])
  expect((await ask('GET', '/api/v1/agents/clip', { headers })).body.name).toBe('second')
})

test('a second process on the same database gives the first answer again', async () => {
  const { createApi } = await import('#http/app.ts')
  const { healthOf } = await import('#platform/health.ts')
  const other = await testWorld({ databaseUrl })
  const api = createApi(other, { auth: 'off', health: healthOf(other, {} as never), closing: new AbortController().signal })
  const key = newKey()
  const first = await send(key, laterTask('elsewhere'))
  const second = await api.request('/api/v1/tasks', {
    method: 'POST',
    body: JSON.stringify(laterTask('elsewhere')),
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
  })
  expect(second.status).toBe(201)
  expect(await second.text()).toBe(first.text)
})

test("an org's keys are its own: the same key and body make a task for each", async () => {
  const { ask, world } = await startService({ env: { AUTH: 'keys' } })
  const orgs = await Promise.all(
    ['acme', 'rival'].map(async (orgId) => {
      const { secret } = await createKey(world.db, { orgId, name: orgId, scopes: ['read', 'write'] })
      return askWith(ask, secret)
    }),
  )
  const headers = { 'idempotency-key': 'shared' }
  for (const body of [laterTask('shared'), laterTask('shared')]) {
    const answers = await Promise.all(orgs.map((asOrg) => asOrg('POST', '/api/v1/tasks', { body, headers })))
    expect(answers.map(({ status, body }) => [status, body.orgId])).toEqual([
      [201, 'acme'],
      [201, 'rival'],
    ])
  }
  expect(await world.db.agentTask.count({ where: { title: 'shared' } })).toBe(2)
})
