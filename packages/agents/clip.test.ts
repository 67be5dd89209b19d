import { expect, test } from 'vitest'
import { skills } from '#skills/index.ts'
import { planned } from '../../test/support/rehearse.ts'
import { clip } from './clip.ts'
import type { StepDraft } from './define.ts'

const source = 'https://example.com/stream.mp4'
const segments = Array.from({ length: 80 }, (_, i) => ({
  id: i,
  start: i * 6,
  end: i * 6 + 6,
  text: i === 40 ? 'No way! It works! [applause]' : 'We go on with the next point of the list.',
}))

test.each([
  ['segments', { segments }],
  ['a list as transcript', { transcript: segments }],
  ["a transcriber's object", { transcript: { language: 'en', segments } }],
])('%s: each highlight becomes an order for a clip', async (_, given) => {
  const plan = await planned(clip, skills, { input: { source, aspect: '1:1', ...given } })
  expect(plan.seen.map(({ tool }) => tool)).toEqual(['find_highlights'])
  expect(plan.steps).toMatchObject([{ tool: 'request_clip', basedOn: ['lookUp:find_highlights'] }])
  const { start, end, aspect, title } = (plan.steps[0] as StepDraft).input
  expect([aspect, title]).toEqual(['1:1', 'No way! It works! [applause]'])
  expect(start).toBeLessThanOrEqual(240)
  expect(end).toBeGreaterThanOrEqual(246)
})

test('a start and an end need no look-up, in seconds or as time codes', async () => {
  for (const [start, end] of [
    [61.5, 90],
    ['1:01.5', '00:01:30'],
  ] as const) {
    const plan = await planned(clip, skills, { title: 'The oven explodes', input: { source, start, end } })
    expect(plan.seen).toEqual([])
    expect(plan.steps.map(({ input }) => input)).toEqual([
      { source, start: 61.5, end: 90, title: 'The oven explodes', aspect: '9:16' },
    ])
  }
})

test('without a transcript the output says what is missing', async () => {
  const plan = await planned(clip, skills, { input: {} })
  expect(plan).toMatchObject({ confidence: 0.3, steps: [], seen: [] })
  expect(plan.output?.missing).toEqual(['source', expect.stringMatching(/^transcript/)])
})

test('without a source highlights are found and none is ordered', async () => {
  const plan = await planned(clip, skills, { input: { segments } })
  expect(plan).toMatchObject({ confidence: 0.3, steps: [], output: { missing: ['source'] } })
  expect(plan.output?.highlights).toHaveLength(1)
})

test('an even transcript gives no clip', async () => {
  const plan = await planned(clip, skills, { input: { source, segments: segments.slice(0, 30) } })
  expect(plan).toMatchObject({ summary: 'Nothing in the transcript stands out', confidence: 0.6, steps: [] })
})

test('an end before the start is no order', async () => {
  expect((await planned(clip, skills, { input: { source, start: 90, end: 60 } })).steps).toEqual([])
})
