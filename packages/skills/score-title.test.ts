import { describe, expect, test } from 'vitest'
import { look } from '../../test/support/rehearse.ts'
import { scoreTitle } from './score-title.ts'

const score = (title: string, ...keywords: string[]) => look(scoreTitle, { title, keywords })

describe('score_title', () => {
  test('a title of good length with its keyword up front needs no change', async () => {
    const title = 'Cold brew at home: the easy way without a machine'
    expect(await score(title, 'cold brew')).toMatchObject({ score: 100, changes: [], suggestedTitle: title })
  })

  test('shouting is put in sentence case, once', async () => {
    expect(await score('HOW TO MAKE COLD BREW COFFEE AT HOME!!!', 'cold brew')).toMatchObject({
      suggestedTitle: 'How to make cold brew coffee at home!',
      changes: ['Write in sentence case, not in capitals', 'End with one punctuation mark'],
    })
  })

  test('a missing keyword is put in front', async () => {
    expect(await score('My morning routine', 'cold brew')).toMatchObject({ suggestedTitle: 'Cold brew: My morning routine' })
  })

  test('a long title loses whole clauses only', async () => {
    expect(
      await score('5 Beginner Mistakes With Sourdough Starters | The Weekend Baker Podcast, Episode 112', 'sourdough'),
    ).toMatchObject({ length: 84, suggestedTitle: '5 Beginner Mistakes With Sourdough Starters' })
    const whole = 'Everything that I learnt about baking bread in one long year of doing it every single day'
    expect(await score(whole)).toMatchObject({ suggestedTitle: whole })
  })

  test('a keyword in the second half is worth less than in the first; part of a word is no keyword', async () => {
    const points = async (title: string) => {
      const { parts } = (await score(title, 'art')) as { parts: { part: string; points: number }[] }
      return parts.find(({ part }) => part === 'keyword')?.points
    }
    expect(await points('Art for people who have never held a brush')).toBe(35)
    expect(await points('People who have never held a brush make art')).toBe(20)
    expect(await points('How to start painting when you have no time')).toBe(0)
  })

  test('without keywords the score rests on length and readability', async () => {
    expect(await score('Ten small kitchens and what they teach')).toMatchObject({ score: 100 })
    expect(await score('😀')).toMatchObject({ length: 1, suggestedTitle: '😀' })
  })
})
