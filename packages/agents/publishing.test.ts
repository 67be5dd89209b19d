import { expect, test } from 'vitest'
import { skills } from '#skills/index.ts'
import { planned } from '../../test/support/rehearse.ts'
import { publishing } from './publishing.ts'

test('the text is published as it stands, on the platform that was asked for', async () => {
  const plan = await planned(publishing, skills, { input: { text: 'Bread is back.', platform: 'linkedin' } })
  expect(plan).toMatchObject({ confidence: 0.9, seen: [] })
  expect(plan.steps).toMatchObject([
    { tool: 'publish_post', input: { platform: 'linkedin', text: 'Bread is back.' }, basedOn: ['task.input'] },
  ])
})

test('without a text the title is the text', async () => {
  const plan = await planned(
    publishing,
    skills,
    { title: 'Bread is back', input: {} },
    { options: { defaultPlatform: 'tiktok' } },
  )
  expect(plan.steps.map(({ input }) => input)).toEqual([{ platform: 'tiktok', text: 'Bread is back' }])
})

test('a text too long for its platform is proposed uncut, with little confidence and the reason', async () => {
  const text = 'x'.repeat(281)
  const plan = await planned(publishing, skills, { input: { text, platforms: ['x', 'linkedin'] } })
  expect(plan).toMatchObject({ confidence: 0.3, summary: 'Publish 2 posts on x, linkedin; too long for x' })
  expect(plan.steps.map(({ input }) => input.text)).toEqual([text, text])
})

test('scheduling looks the times up first; one text goes to all its platforms at once', async () => {
  const history = [{ at: '2026-03-11T18:00:00Z', engagement: 50 }, { at: 'never', engagement: 1 }, 'x']
  const posts = [{ text: 'One' }, { text: 'Two' }]
  const input = { posts, platforms: ['x', 'linkedin'], history, timeZone: 'Europe/Berlin' }
  const plan = await planned(publishing, skills, { taskType: 'schedule', input })
  expect(plan.seen.map(({ tool }) => tool)).toEqual(['suggest_times'])
  const times = plan.steps.map(({ notBefore }) => notBefore as string)
  expect(times).toHaveLength(4)
  expect(times[0]).toBe('2026-03-18T18:00:00.000Z')
  expect(times[1]).toBe(times[0])
  expect(times[2]).not.toBe(times[0])
  expect(plan.steps[0]?.basedOn).toEqual(['task.input', 'lookUp:suggest_times'])
})

test('a moment named by the task wins; one in the past is none', async () => {
  const at = async (publishAt: string) =>
    (await planned(publishing, skills, { taskType: 'schedule', input: { text: 'Hi', publishAt } })).steps[0]
  expect((await at('2026-03-20T08:00:00+01:00'))?.notBefore).toBe('2026-03-20T07:00:00.000Z')
  expect((await at('2020-03-20T08:00:00Z'))?.notBefore).toBeUndefined()
})

test('times alone are an answer without a step', async () => {
  const plan = await planned(publishing, skills, { taskType: 'suggest_times', input: {} })
  expect(plan.steps).toEqual([])
  expect(plan.output).toMatchObject({ times: { basis: 'convention' } })
})

test('an unknown time zone does not stop the post', async () => {
  const plan = await planned(publishing, skills, { taskType: 'schedule', input: { text: 'Hi', timeZone: 'Mars/Olympus' } })
  expect(plan).toMatchObject({ confidence: 0.5, steps: [{ tool: 'publish_post' }] })
  expect(JSON.stringify(plan.output)).toContain('Mars/Olympus')
})
