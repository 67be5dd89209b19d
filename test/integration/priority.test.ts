import { expect, test } from 'vitest'
import { createTask } from '#domain/tasks/create.ts'
import { runNext } from '#domain/tasks/run.ts'
import { startWorker } from '#domain/tasks/worker.ts'
import { builtin } from '#platform/llm/builtin.ts'
import { until } from '../support/service.ts'
import { testWorld } from '../support/world.ts'

const ask = (priority: number) => ({
  agentType: 'analytics',
  title: `p${priority}`,
  taskType: 'summary',
  input: { metrics: { views: [1, 2, 3] } },
  priority,
})

type Started = { priority: number; status: string; startedAt: Date | null }
const tasksOf = (world: Awaited<ReturnType<typeof testWorld>>) =>
  world.sql.run<Started>(
    { name: 'all_started', text: 'SELECT "priority", "status", "startedAt" FROM "AgentTask" ORDER BY "startedAt"' },
    [],
  )

test('ten tasks of priority 10 start before any further of a thousand of priority 1', async () => {
  // Each plan takes a moment, so that the worker is in the middle of the thousand when the ten come.
  const rules = builtin()
  const world = await testWorld({
    model: {
      ...rules,
      instant: false,
      generate: async (request) => new Promise((done) => setTimeout(() => done(rules.generate(request)), 2)),
    },
  })
  await Promise.all(Array.from({ length: 1_000 }, () => createTask(world, 'org', ask(1))))
  const worker = startWorker(world, { agentTypes: ['analytics'], slots: 4 })
  world.queue.serve(worker.offer)
  worker.look()
  await until(
    () => tasksOf(world),
    (tasks) => tasks.filter(({ startedAt }) => startedAt).length > 100,
  )
  const urgent = await Promise.all(Array.from({ length: 10 }, () => createTask(world, 'org', ask(10))))
  const arrived = Math.max(...urgent.map(({ createdAt }) => Date.parse(createdAt)))
  await until(
    () => tasksOf(world),
    (tasks) => tasks.every(({ status }) => status === 'completed'),
    30_000,
  )
  await worker.drain(1_000)

  const tasks = await tasksOf(world)
  const lastUrgent = Math.max(
    ...tasks.filter(({ priority }) => priority === 10).map(({ startedAt }) => startedAt?.getTime() ?? 0),
  )
  const between = tasks.filter(
    ({ priority, startedAt }) =>
      priority === 1 && startedAt && startedAt.getTime() > arrived + 5 && startedAt.getTime() < lastUrgent,
  )
  expect(between, 'no further task of priority 1 starts while one of priority 10 waits').toEqual([])
  expect(
    tasks.filter(({ startedAt }) => startedAt && startedAt.getTime() > lastUrgent).length,
    'most of the thousand still waited',
  ).toBeGreaterThan(500)
})

test('a claim takes by priority, then age, whatever the order of signals', async () => {
  const world = await testWorld()
  const order = [3, 10, 1, 7, 10, 5, 1, 9]
  for (const [nth, priority] of order.entries()) await createTask(world, 'org', { ...ask(priority), title: `${priority} ${nth}` })
  while (await runNext(world, 'analytics'));
  const rows = await world.sql.run<{ title: string }>(
    {
      name: 'in_order',
      text: `SELECT t."title" FROM "AgentTask" t JOIN "TraceEntry" e ON e."taskId" = t."id" AND e."type" = 'claimed' ORDER BY e."at", t."finishedAt"`,
    },
    [],
  )
  expect(rows.map(({ title }) => title)).toEqual(['10 1', '10 4', '9 7', '7 3', '5 5', '3 0', '1 2', '1 6'])
})

test('a task whose time has come is taken before the sweep has marked it, in the order of priority', async () => {
  let now = Date.now()
  const world = await testWorld({ clock: { now: () => new Date(now) } })
  await createTask(world, 'org', ask(5))
  await createTask(world, 'org', { ...ask(8), scheduledFor: new Date(now + 60_000) })
  await createTask(world, 'org', { ...ask(9), scheduledFor: new Date(now + 120_000) })
  now += 61_000
  await runNext(world, 'analytics')
  expect((await tasksOf(world)).filter(({ startedAt }) => startedAt).map(({ priority }) => priority)).toEqual([8])
})
