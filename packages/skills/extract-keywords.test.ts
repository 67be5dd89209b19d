import { describe, expect, test } from 'vitest'
import { look } from '../../test/support/rehearse.ts'
import { extractKeywords } from './extract-keywords.ts'

const text =
  'Sourdough starter basics. Feed your sourdough starter twice a day with flour and water. A sourdough starter wants warmth; flour matters.'
const catalogue = ['Flour and water pizza', 'Bread with flour', 'How to water plants']

const keywords = async (input: { text: string; catalogue?: string[]; limit?: number }) =>
  ((await look(extractKeywords, input)) as { keywords: { term: string; count: number; documents: number }[] }).keywords

describe('extract_keywords', () => {
  test('puts first what the text says often and the catalogue does not', async () => {
    const found = await keywords({ text, catalogue })
    expect(found[0]).toMatchObject({ term: 'sourdough starter', count: 3, documents: 0 })
    expect(found.findIndex(({ term }) => term === 'flour')).toBeLessThan(found.findIndex(({ term }) => term === 'water'))
  })

  test('a word that stands only within its pair is not listed twice', async () => {
    expect((await keywords({ text, catalogue })).map(({ term }) => term)).not.toContain('sourdough')
  })

  test('a term of the whole catalogue weighs less than one of none', async () => {
    const found = await keywords({ text: 'garden tomato', catalogue: ['tomato soup', 'tomato sauce'] })
    expect(found.map(({ term }) => term)).toEqual(['garden', 'tomato'])
  })

  test('gives at most `limit`, and nothing for a text without words', async () => {
    expect(await keywords({ text, limit: 2 })).toHaveLength(2)
    expect(await keywords({ text: 'and the 2026 !!! 🔥' })).toEqual([])
  })
})
