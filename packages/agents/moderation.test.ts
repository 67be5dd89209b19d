import { expect, test } from 'vitest'
import type { JsonObject } from '#skills/define.ts'
import { skills } from '#skills/index.ts'
import { planned } from '../../test/support/rehearse.ts'
import { moderation } from './moderation.ts'

const review = (input: JsonObject, options = {}) =>
  planned(moderation, skills, { title: 'Review a comment', taskType: 'review', input }, { options })

test('a severe text is hidden and its author warned, with the words that it rests on', async () => {
  const plan = await review({ text: 'k1ll y0urself', contentId: 'c_81', userId: 'u_7' })
  expect(plan.seen.map(({ tool }) => tool)).toEqual(['review_text'])
  expect(plan.confidence).toBe(0.9)
  expect(plan.steps.map(({ tool, input }) => [tool, input.contentId])).toEqual([
    ['hide_content', 'c_81'],
    ['warn_user', 'c_81'],
  ])
  expect(plan.steps[0]).toMatchObject({ input: { evidence: ['k1ll y0urself'] }, basedOn: ['task.input', 'lookUp:review_text'] })
})

test('a severe text without an id is hidden by its words', async () => {
  const plan = await review({ comment: 'Free bitcoin for all, message me on telegram' })
  expect(plan.steps).toMatchObject([{ tool: 'hide_content', input: { excerpt: 'Free bitcoin for all, message me on telegram' } }])
})

test('weak evidence has a confidence that a person decides on', async () => {
  const plan = await review({ text: 'Write to anna@example.com', contentId: 'c_1' })
  expect(plan.confidence).toBeLessThan(0.5)
  expect(plan.steps.map(({ tool }) => tool)).toEqual(['hide_content'])
  expect(await review({ text: 'My page: example.org', contentId: 'c_1' })).toMatchObject({
    steps: [],
    output: { verdict: 'questionable' },
  })
  expect((await review({ text: 'My page: example.org', userId: 'u_1' })).steps.map(({ tool }) => tool)).toEqual(['warn_user'])
})

test('a clean text needs nothing; that someone flagged it makes it less sure', async () => {
  expect(await review({ text: 'Lovely video!' })).toMatchObject({
    confidence: 0.9,
    steps: [],
    output: { verdict: 'clean', findings: [] },
  })
  expect((await review({ text: 'Lovely video!', reports: 4 })).confidence).toBe(0.6)
})

test('without a text the title is reviewed, never with enough confidence to act alone', async () => {
  expect(await review({})).toMatchObject({ steps: [], output: { verdict: 'clean' } })
  const plan = await planned(moderation, skills, { title: 'kill yourself', input: {} })
  expect(plan).toMatchObject({
    confidence: 0.4,
    steps: [{ tool: 'hide_content', basedOn: ['task.title', 'lookUp:review_text'] }],
  })
})

test("the org's blocked terms and allowed domains count", async () => {
  const options = { blockedTerms: ['casino'], allowedDomains: ['example.com'] }
  expect((await review({ text: 'c4sino bonus' }, options)).steps).toMatchObject([{ tool: 'hide_content' }])
  expect((await review({ text: 'see shop.example.com/x' }, options)).output).toMatchObject({ verdict: 'clean' })
})

test('what may not be done is not proposed', async () => {
  const task = { input: { text: 'kill yourself', userId: 'u_7' } }
  expect(
    (await planned(moderation, skills, task, { allowed: ['review_text', 'warn_user'] })).steps.map(({ tool }) => tool),
  ).toEqual(['warn_user'])
  expect(await planned(moderation, skills, task, { allowed: [] })).toMatchObject({
    confidence: 0.2,
    steps: [],
    output: { verdict: 'unknown' },
  })
})
