import { expect, test } from 'vitest'
import { look } from '../../test/support/rehearse.ts'
import { checkCaption } from './check-caption.ts'

test('a caption within every limit fits', async () => {
  expect(await look(checkCaption, { platform: 'x', text: 'We are live! https://example.com/show #live' })).toMatchObject({
    fits: true,
    length: 13 + 23 + 6,
    limit: 280,
    unit: 'weighted',
    hashtags: 1,
    problems: [],
  })
})

test('what is over, and by how much, is named', async () => {
  const text = `${'a'.repeat(2_190)} #one #two #three #four #five #six #seven`
  const { fits, problems } = await look(checkCaption, { platform: 'instagram', text })
  expect(fits).toBe(false)
  expect(problems).toEqual([
    { field: 'text', rule: 'length', limit: 2_200, actual: text.length, over: text.length - 2_200, unit: 'characters' },
    { field: 'text', rule: 'hashtags', limit: 5, actual: 7, over: 2, unit: 'hashtags' },
  ])
})

test('a YouTube description is measured in bytes, its title in characters, and neither holds angle brackets', async () => {
  const { problems } = await look(checkCaption, { platform: 'youtube', text: 'é'.repeat(2_501), title: `<${'b'.repeat(100)}` })
  expect(problems.map(({ field, rule, over }: { field: string; rule: string; over: number }) => [field, rule, over])).toEqual([
    ['text', 'length', 2],
    ['title', 'length', 1],
    ['title', 'characters', 1],
  ])
})
