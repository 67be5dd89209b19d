import { expect, test } from 'vitest'
import { skills } from '#skills/index.ts'
import { planned } from '../../test/support/rehearse.ts'
import { content } from './content.ts'

const text =
  'Our bakery opens on Monday at seven. The first fifty guests get a free loaf of sourdough. Come early, the oven is on since four.'

test('a text becomes a draft that was looked up first, with the other wordings beside it', async () => {
  const plan = await planned(content, skills, { taskType: 'caption', input: { text, platform: 'instagram' } })
  expect(plan.seen.map(({ tool }) => tool)).toEqual(['draft_captions'])
  expect(plan).toMatchObject({
    confidence: 0.8,
    steps: [{ tool: 'save_draft', basedOn: ['task.input', 'lookUp:draft_captions'] }],
  })
  expect(plan.steps[0]?.input).toMatchObject({ platform: 'instagram', kind: 'caption' })
  expect(plan.steps[0]?.input.text).toContain(text)
  expect(plan.steps[0]?.input.alternatives).not.toHaveLength(0)
})

test('without a text the title is the text, less sure', async () => {
  const plan = await planned(content, skills, { title: 'Our bakery opens on Monday', input: {} })
  expect(plan).toMatchObject({
    confidence: 0.5,
    steps: [{ tool: 'save_draft', basedOn: ['task.title', 'lookUp:draft_captions'] }],
  })
  expect(plan.steps[0]?.input.text).toMatch(/^Our bakery opens on Monday/)
})

test('a title is asked for by the type of the task, and belongs to YouTube unless told', async () => {
  const plan = await planned(content, skills, { taskType: 'write_title', input: { text } })
  expect(plan.steps[0]?.input).toMatchObject({ kind: 'title', platform: 'youtube' })
})

test('a check measures and changes nothing', async () => {
  const plan = await planned(content, skills, { taskType: 'check_caption', input: { text: 'x'.repeat(300), platform: 'x' } })
  expect(plan.steps).toEqual([])
  expect(plan).toMatchObject({ summary: 'The text is over the limits of x', output: { fits: false, problems: [{ over: 20 }] } })
})

test('when the look-up fails or may not be made, the text is cut to size and saved all the same', async () => {
  const plan = await planned(content, skills, { input: { text: text.repeat(9) } }, { allowed: ['save_draft'] })
  expect(plan).toMatchObject({ confidence: 0.5, steps: [{ tool: 'save_draft', basedOn: ['task.input'] }] })
  const seen = [{ tool: 'draft_captions', input: {}, why: '', error: 'timeout' }]
  const move = content.playbook({
    task: { title: 'T', taskType: 't', input: {} },
    options: {},
    seen,
    may: () => true,
    now: new Date(),
  })
  expect(move).toMatchObject({ steps: [{ tool: 'save_draft' }] })
})

test('without save_draft the wordings are the output', async () => {
  const plan = await planned(content, skills, { input: { text } }, { allowed: ['draft_captions'] })
  expect(plan.steps).toEqual([])
  expect(plan.output).toMatchObject({ platform: 'x', kind: 'caption' })
})
