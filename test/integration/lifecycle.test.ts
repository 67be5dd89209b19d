import { expect, test } from 'vitest'
import { startService, until } from '../support/service.ts'

const { ask } = await startService()

test('a first task ends', async () => {
  const { status, body } = await ask('POST', '/api/v1/tasks', {
    body: { agentType: 'analytics', title: 'x', taskType: 'report' },
  })
  expect(status).toBe(201)
  const done = await until(
    () => ask('GET', `/api/v1/tasks/${body.id}`),
    ({ body }) => body.status === 'completed',
  )
  expect(done.body.output).toBeTruthy()
})
