import { expect, test } from 'vitest'
import { givenText } from './given.ts'

test('takes texts and numbers, trimmed and cut, and nothing else', () => {
  expect([givenText('  a word ', 3), givenText(42, 10), givenText(null, 10), givenText(['a'], 10)]).toEqual(['a w', '42', '', ''])
})

test('never leaves half a surrogate pair', () => {
  expect(givenText('ab😀', 3).isWellFormed()).toBe(true)
})
