import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { created, everything, laterTask, postTask, taskAt, waitingTask } from '../support/api.ts'
import { startService } from '../support/service.ts'
import { quietLog } from '../support/world.ts'

const { log, lines } = quietLog()
const { ask, world, url } = await startService({ log })

const paths = (answer: { body: { errors: { path: string }[] } }) => answer.body.errors.map(({ path }) => path)

describe('creating', () => {
  test('answers 201 with the task, its defaults and its Location', async () => {
    const answer = await ask('POST', '/api/v1/tasks', { body: { agentType: 'publishing', title: ' Say it ', taskType: 'post' } })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
    expect(answer.body).toMatchObject({
      orgId: 'local',
      agentType: 'publishing',
      title: 'Say it',
      input: {},
      priority: 5,
      status: 'queued',
      output: null,
      error: null,
      skillId: null,
      scheduledFor: null,
      dependsOn: [],
      parentTaskId: null,
      attempts: 0,
      usage: { tokensIn: 0, tokensOut: 0 },
    })
    const location = answer.headers.get('location') as string
    expect(location).toBe(`/api/v1/tasks/${answer.body.id}`)
    const seen = await ask('GET', location)
    expect(seen.status).toBe(200)
    expect(seen.body).toMatchObject({ id: answer.body.id, createdAt: answer.body.createdAt, agentId: answer.body.agentId })
  })

  test('keeps every field as it was sent', async () => {
    const parent = await created(ask, laterTask('parent'))
    const body = {
      ...laterTask('A title with "quotes", \\ and 🦊'),
      input: { text: 'é\u2028\t🦊 \\u0000', nested: { list: [1, -0.5, 1e-7, true, null, ''] }, 'a.b': {} },
      priority: 10,
      skillId: 'publish_post',
      scheduledFor: '2100-01-01T02:00:00.5+02:00',
      dependsOn: [parent.id],
      parentTaskId: parent.id,
    }
    const { id } = await created(ask, body)
    const { body: task } = await ask('GET', `/api/v1/tasks/${id}`)
    expect(task).toMatchObject({ ...body, scheduledFor: '2100-01-01T00:00:00.500Z' })
  })

  const bad: [string, object, string][] = [
    ['an unknown agent type', { agentType: 'chef' }, 'agentType'],
    ['no title', { title: undefined }, 'title'],
    ['a blank title', { title: '  ' }, 'title'],
    ['a title of 501 characters', { title: 'x'.repeat(501) }, 'title'],
    ['a title that is a number', { title: 1 }, 'title'],
    ['no taskType', { taskType: undefined }, 'taskType'],
    ['a taskType of 101 characters', { taskType: 'x'.repeat(101) }, 'taskType'],
    ['an input that is a list', { input: [] }, 'input'],
    ['an input that is null', { input: null }, 'input'],
    ['priority 0', { priority: 0 }, 'priority'],
    ['priority 11', { priority: 11 }, 'priority'],
    ['priority 5.5', { priority: 5.5 }, 'priority'],
    ['priority "5"', { priority: '5' }, 'priority'],
    ['a blank skillId', { skillId: '' }, 'skillId'],
    ['a scheduledFor that is no time', { scheduledFor: 'tomorrow' }, 'scheduledFor'],
    ['a scheduledFor without an offset', { scheduledFor: '2100-01-01T00:00:00' }, 'scheduledFor'],
    ['the 30th of February', { scheduledFor: '2100-02-30T00:00:00Z' }, 'scheduledFor'],
    ['the year 0', { scheduledFor: '0000-01-01T00:00:00Z' }, 'scheduledFor'],
    ['a year 1 that is the year 0 in UTC', { scheduledFor: '0001-01-01T00:00:00+14:00' }, 'scheduledFor'],
    ['a year 9999 that is 10000 in UTC', { scheduledFor: '9999-12-31T23:59:59-14:00' }, 'scheduledFor'],
    ['a dependsOn that is no list', { dependsOn: 'x' }, 'dependsOn'],
    ['101 dependencies', { dependsOn: Array.from({ length: 101 }, (_, i) => `t${i}`) }, 'dependsOn'],
    ['a dependency that cannot be an id', { dependsOn: ['a b'] }, 'dependsOn.0'],
    ['a dependency that is not there', { dependsOn: ['nothing'] }, 'dependsOn.0'],
    ['a parent that is not there', { parentTaskId: 'nothing' }, 'parentTaskId'],
    ['an unknown field', { urgency: 'high' }, 'urgency'],
    ['a NUL character in the title', { title: 'a\0b' }, 'title'],
    ['half a surrogate pair deep in the input', { input: { list: ['\ud83e'] } }, 'input.list.0'],
    ['a NUL character in a name', { input: { 'a\0': 1 } }, 'input'],
  ]
  test.each(bad)('%s answers 400 with its path, and creates nothing', async (_, change, path) => {
    const before = await world.db.agentTask.count()
    const answer = await ask('POST', '/api/v1/tasks', { body: { ...laterTask(), ...change } })
    expect(answer).toMatchObject({ status: 400, body: { status: 400, code: 'validation_failed' } })
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(paths(answer)).toEqual([path])
    expect(await world.db.agentTask.count()).toBe(before)
  })

  test('several bad fields are all named in one answer', async () => {
    const answer = await ask('POST', '/api/v1/tasks', { body: { agentType: 'chef', priority: 99, colour: 'red' } })
    expect(answer.status).toBe(400)
    expect(paths(answer).sort()).toEqual(['agentType', 'colour', 'priority', 'taskType', 'title'])
  })

  test.each(['1e999', '-1e999', `${'9'.repeat(250)}e80`, `${'9'.repeat(310)}`])(
    'the number %s answers 400: it would come back changed',
    async (number) => {
      const body = JSON.stringify({ ...laterTask(), input: { n: 0 } }).replace('"n":0', `"n":${number}`)
      const answer = await ask('POST', '/api/v1/tasks', {
        body,
        headers: { 'idempotency-key': `number-${number.length}-${number[0]}` },
      })
      expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
      expect(paths(answer)).toEqual(['input.n'])
    },
  )

  test('a field named __proto__ is refused or kept, never silently dropped', async () => {
    const top = await ask('POST', '/api/v1/tasks', {
      body: `{"__proto__":{"priority":9},${JSON.stringify(laterTask()).slice(1)}`,
    })
    expect(top.status).toBe(400)
    const body = JSON.stringify({ ...laterTask(), input: { kept: 1 } }).replace(
      '"kept":1',
      '"kept":1,"deep":{"__proto__":{"x":1}}',
    )
    const deep = await ask('POST', '/api/v1/tasks', { body })
    expect(deep.status).toBe(201)
    expect((await ask('GET', `/api/v1/tasks/${deep.body.id}`)).text).toContain('"__proto__"')
    const inInput = await ask('POST', '/api/v1/tasks', { body: body.replace('"kept":1', '"__proto__":{"x":1}') })
    expect(inInput.status === 400 || inInput.text.includes('"input":{"__proto__"')).toBe(true)
  })

  test('a child of a cancelled task answers 409 parent_cancelled', async () => {
    const parent = await created(ask, laterTask('parent'))
    await ask('POST', `/api/v1/tasks/${parent.id}/cancel`)
    const answer = await ask('POST', '/api/v1/tasks', { body: { ...laterTask('child'), parentTaskId: parent.id } })
    expect(answer).toMatchObject({ status: 409, body: { code: 'parent_cancelled' } })
    expect(await world.db.agentTask.count({ where: { parentTaskId: parent.id } })).toBe(0)
  })

  test('forty at once under one parent that they also depend on all answer 201', async () => {
    const [one, two] = [await created(ask, laterTask('one')), await created(ask, laterTask('two'))]
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => {
        const [parent, other] = n % 2 ? [one, two] : [two, one]
        const relatives = { parentTaskId: parent.id, dependsOn: [other.id, parent.id] }
        return ask('POST', '/api/v1/tasks', { body: { ...laterTask('related'), ...relatives } })
      }),
    )
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
  })

  test('a task waits for what it depends on, and fails when that is cancelled', async () => {
    const first = await created(ask, laterTask('first'))
    const second = await created(ask, { ...postTask(), dependsOn: [first.id, first.id] })
    expect(second).toMatchObject({ status: 'queued', dependsOn: [first.id] })
    await ask('POST', `/api/v1/tasks/${first.id}/cancel`)
    expect(await taskAt(ask, second.id, 'failed')).toMatchObject({ error: { code: 'dependency_failed' }, plan: null })
  })
})

describe('what a body may be', () => {
  const good = JSON.stringify(laterTask())
  const send = (body: string, headers: Record<string, string> = {}) => ask('POST', '/api/v1/tasks', { body, headers })

  test.each(['{', '{"a":1,}', "{'a':1}", '{"a":NaN}', good + good, `${good}\u0000`, '\u0001'])(
    '%j answers 400 malformed_json',
    async (body) => {
      expect(await send(body)).toMatchObject({ status: 400, body: { code: 'malformed_json' } })
    },
  )

  test.each(['null', '[]', '"x"', '1', 'true', '[{}]'])('%s, which is no object, answers 400 and does nothing', async (body) => {
    expect(await send(body)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    const { id } = await created(ask, laterTask())
    expect(await ask('POST', `/api/v1/tasks/${id}/cancel`, { body })).toMatchObject({ status: 400 })
    expect((await ask('GET', `/api/v1/tasks/${id}`)).body.status).toBe('queued')
  })

  test('none counts as an empty object', async () => {
    expect(paths(await ask('POST', '/api/v1/tasks'))).toEqual(['agentType', 'title', 'taskType'])
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml', 'json'])(
    'the content type %s answers 415',
    async (type) => {
      expect(await send(good, { 'content-type': type })).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } })
    },
  )

  test.each(['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/vnd.api+json'])(
    'the content type %s is JSON',
    async (type) => {
      expect((await send(good, { 'content-type': type })).status).toBe(201)
    },
  )

  test('100 levels are taken and 101 answer 400', async () => {
    // the object, its input and the list's own name make three
    const nested = (levels: number) => good.replace(/}$/, `,"input":{"a":${'['.repeat(levels - 2)}${']'.repeat(levels - 2)}}}`)
    expect((await send(nested(100))).status).toBe(201)
    expect(await send(nested(101))).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    expect(await send('['.repeat(200_000))).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  })

  test('1 MiB is taken and one byte more answers 413, announced or not', async () => {
    const of = (bytes: number) => good.replace(/}$/, `,"input":{"a":"${'x'.repeat(bytes - good.length - 17)}"}}`)
    const limit = 1024 * 1024
    expect(of(limit)).toHaveLength(limit)
    expect((await send(of(limit))).status).toBe(201)
    expect(await send(of(limit + 1))).toMatchObject({ status: 413, body: { code: 'payload_too_large' } })
    expect(await chunked(of(limit))).toMatchObject({ status: 201 })
    expect(await chunked(of(limit + 1))).toMatchObject({ status: 413, code: 'payload_too_large' })
  })

  /** Without a Content-Length, the answer awaited before the request's end. */
  function chunked(body: string) {
    return new Promise<{ status?: number; code?: string }>((done, failed) => {
      const sent = request(
        `${url}/api/v1/tasks`,
        { method: 'POST', headers: { 'content-type': 'application/json' } },
        async (answer) => {
          let text = ''
          for await (const piece of answer) text += piece
          done({ status: answer.statusCode, code: JSON.parse(text).code })
        },
      )
      sent.on('error', failed)
      for (let at = 0; at < body.length; at += 60_000) sent.write(body.slice(at, at + 60_000))
      sent.end()
    })
  }
})

describe('listing', () => {
  test('is newest first and filters by status, agent type and crew', async () => {
    const later = await created(ask, laterTask('listed'))
    const { id: done } = await created(ask, { agentType: 'analytics', title: 'listed', taskType: 'report' })
    await taskAt(ask, done, 'completed')
    const list = async (query: string) =>
      (await ask('GET', `/api/v1/tasks?limit=200&${query}`)).body.data as { id: string; status: string }[]
    const ids = async (query: string) => (await list(query)).map(({ id }) => id)
    expect((await ids('')).slice(0, 2)).toEqual([done, later.id])
    expect(await ids('status=completed&agentType=analytics')).toEqual([done])
    expect(await ids('status=queued&agentType=publishing')).toContain(later.id)
    expect(await ids('status=queued')).not.toContain(done)
    expect(await ids('crewId=none')).toEqual([])
    for (const { status } of await list('status=queued')) expect(status).toBe('queued')
  })

  test('pages hold every task once and in order, whatever is created meanwhile', async () => {
    const made = await Promise.all(
      Array.from({ length: 11 }, (_, n) => created(ask, { ...laterTask(`page ${n}`), agentType: 'growth' })),
    )
    await world.db.agentTask.updateMany({
      where: { id: { in: made.slice(3, 8).map(({ id }) => id) } },
      data: { createdAt: new Date() },
    })
    const seen: { id: string; createdAt: string }[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body } = await ask('GET', `/api/v1/tasks?agentType=growth&limit=2${cursor && `&cursor=${cursor}`}`)
      expect(body.data.length).toBeLessThanOrEqual(2)
      seen.push(...body.data)
      cursor = body.nextCursor
      await created(ask, { ...laterTask('meanwhile'), agentType: 'growth' })
    }
    expect(seen.map(({ id }) => id).sort()).toEqual(made.map(({ id }) => id).sort())
    expect(seen.map(({ createdAt }) => createdAt)).toEqual(
      seen
        .map(({ createdAt }) => createdAt)
        .sort()
        .reverse(),
    )
  })

  const cursor = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const bad: [string, string][] = [
    ['status=done', 'status'],
    ['agentType=chef', 'agentType'],
    ['crewId=a%20b', 'crewId'],
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=0x10', 'limit'],
    ['cursor=x', 'cursor'],
    ['cursor=', 'cursor'],
    [`cursor=${'x'.repeat(501)}`, 'cursor'],
    [`cursor=${cursor(null)}`, 'cursor'],
    [`cursor=${cursor([8.64e15, 'x'])}`, 'cursor'],
    [`cursor=${cursor([-8.64e15, 'x'])}`, 'cursor'],
    [`cursor=${cursor(['2026-01-01', 'a\0b'])}`, 'cursor'],
    [`cursor=${cursor(['2026-01-01', {}])}`, 'cursor'],
    ['colour=red', 'colour'],
  ]
  test.each(bad)('?%s answers 400 with its path', async (query, path) => {
    for (const noun of path === 'limit' || path === 'cursor' ? ['tasks', 'approvals', 'outbox'] : ['tasks']) {
      const answer = await ask('GET', `/api/v1/${noun}?${query}`)
      expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
      expect(paths(answer)).toEqual([path])
    }
  })
})

describe('one task', () => {
  test('shows its plan, decisions, trace and approval while it waits, and its steps when it is done', async () => {
    const task = await waitingTask(ask, postTask('Shown'))
    expect(task.plan).toMatchObject({ confidence: 0.9, steps: [{ index: 0, tool: 'publish_post', input: { text: 'Shown' } }] })
    expect(task.decisions).toMatchObject([{ decisionType: 'plan', confidence: 0.9 }])
    expect(task.reasoningTrace.map(({ seq }: { seq: number }) => seq)).toEqual(
      task.reasoningTrace.map((_: unknown, i: number) => i + 1),
    )
    expect(task.approval).toMatchObject({ status: 'pending', proposedAction: { steps: task.plan.steps }, decidedAt: null })
    await ask('POST', `/api/v1/approvals/${task.approval.id}/approve`)
    const done = await taskAt(ask, task.id, 'completed')
    expect(done).toMatchObject({ approval: { status: 'approved' }, steps: [{ index: 0, tool: 'publish_post', status: 'done' }] })
    expect(done.actionHash).toBe(task.approval.actionHash)
    expect(done.finishedAt >= done.startedAt && done.startedAt >= done.createdAt).toBe(true)
  })

  test.each(['nothing', 'a%00b', '%ff', 'a%20b', 'x'.repeat(300), '..%2f..', '%F0%9F%A6%8A'])(
    'an id that names nothing (%s) answers 404',
    async (id) => {
      for (const [method, path] of [
        ['GET', `/api/v1/tasks/${id}`],
        ['GET', `/api/v1/tasks/${id}/events`],
        ['POST', `/api/v1/tasks/${id}/cancel`],
      ] as const) {
        expect(await ask(method, path)).toMatchObject({ status: 404, body: { code: 'not_found', status: 404 } })
      }
    },
  )
})

describe('cancelling', () => {
  test('answers at once with the cancelled task and the reason; a second time answers 409', async () => {
    const { id } = await created(ask, laterTask())
    const first = await ask('POST', `/api/v1/tasks/${id}/cancel`, { body: { reason: 'not needed' } })
    expect(first).toMatchObject({
      status: 200,
      body: { status: 'cancelled', error: { code: 'cancelled', message: 'Cancelled: not needed' } },
    })
    const second = await ask('POST', `/api/v1/tasks/${id}/cancel`)
    expect(second).toMatchObject({ status: 409, body: { code: 'not_cancellable' } })
    expect((await ask('GET', `/api/v1/tasks/${id}`)).body).toEqual(first.body)
  })

  test('a task that waits for a person takes its approval along, and nothing runs', async () => {
    const { id, approval } = await waitingTask(ask)
    const { body } = await ask('POST', `/api/v1/tasks/${id}/cancel`)
    expect(body).toMatchObject({ status: 'cancelled', approval: { status: 'cancelled' }, steps: [] })
    const late = await ask('POST', `/api/v1/approvals/${approval.id}/approve`)
    expect(late).toMatchObject({ status: 409, body: { code: 'approval_decided' } })
    expect((await ask('GET', `/api/v1/outbox?taskId=${id}`)).body.data).toEqual([])
  })

  test('takes children and their children along', async () => {
    const parent = await created(ask, laterTask('parent'))
    const child = await created(ask, { ...laterTask('child'), parentTaskId: parent.id })
    const grandchild = await created(ask, { ...laterTask('grandchild'), parentTaskId: child.id })
    await ask('POST', `/api/v1/tasks/${parent.id}/cancel`)
    for (const { id } of [child, grandchild]) expect((await ask('GET', `/api/v1/tasks/${id}`)).body.status).toBe('cancelled')
  })

  test('twenty at once: exactly one answers 200', async () => {
    const { id } = await created(ask, laterTask())
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('POST', `/api/v1/tasks/${id}/cancel`)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(409)])
    const { reasoningTrace } = (await ask('GET', `/api/v1/tasks/${id}`)).body
    expect(reasoningTrace.filter(({ type }: { type: string }) => type === 'cancelled')).toHaveLength(1)
  })

  test('a completed task answers 409 and stays as it is', async () => {
    const { id } = await created(ask, { agentType: 'analytics', title: 'x', taskType: 'report' })
    const done = await taskAt(ask, id, 'completed')
    expect(await ask('POST', `/api/v1/tasks/${id}/cancel`)).toMatchObject({ status: 409, body: { code: 'not_cancellable' } })
    expect((await ask('GET', `/api/v1/tasks/${id}`)).body).toEqual(done)
  })

  test.each([{ reason: '' }, { reason: 1 }, { reason: 'x'.repeat(1_001) }, { why: 'x' }])(
    '%j answers 400 and cancels nothing',
    async (body) => {
      const { id } = await created(ask, laterTask())
      const before = await everything(world)
      expect(await ask('POST', `/api/v1/tasks/${id}/cancel`, { body })).toMatchObject({ status: 400 })
      expect(await everything(world)).toEqual(before)
    },
  )
})

describe('what is not there', () => {
  test.each(['/', '/api', '/api/v1', '/api/v1/task', '/api/v1/tasks/a/b', '/api/v2/tasks', '/favicon.ico', '/docs/nothing'])(
    '%s answers 404 as a problem',
    async (path) => {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const answer = await ask(method, path)
        expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } })
        expect(answer.headers.get('content-type')).toBe('application/problem+json')
      }
    },
  )

  test.each([
    ['DELETE', '/api/v1/tasks', 'GET, POST'],
    ['PATCH', '/api/v1/tasks/x', 'GET'],
    ['GET', '/api/v1/tasks/x/cancel', 'POST'],
    ['POST', '/api/v1/agents/publishing', 'GET, PUT'],
    ['PUT', '/api/v1/outbox/x/ack', 'POST'],
    ['POST', '/health', 'GET'],
    ['OPTIONS', '/api/v1/approvals', 'GET'],
  ])('%s %s answers 405 and says what is allowed', async (method, path, allowed) => {
    const answer = await ask(method, path)
    expect(answer).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } })
    expect(answer.headers.get('allow')?.split(', ').sort().join(', ')).toBe(allowed)
  })
})

test('whatever was refused here, the log has no error', async () => {
  expect(lines.filter(({ level }) => level === 'error')).toEqual([])
})
