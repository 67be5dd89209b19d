import { expect, test } from 'vitest'
import { lengthIn } from './platform-limits.ts'
import { shorten } from './shorten.ts'

test('a text that fits stays as it is', () => {
  expect(shorten('Fits.', 5)).toBe('Fits.')
})

test('a cut falls after a word', () => {
  expect(shorten('We opened the new kitchen, at last', 27)).toBe('We opened the new kitchen…')
})

test('a grapheme is never split', () => {
  const families = '👨‍👩‍👧‍👦'.repeat(20)
  for (let max = 2; max < 60; max++) {
    const cut = shorten(families, max)
    expect(cut.length).toBeLessThanOrEqual(max)
    expect(cut.isWellFormed()).toBe(true)
    expect(cut.replace('…', '').length % '👨‍👩‍👧‍👦'.length).toBe(0)
  }
})

test('the unit of the limit is what counts', () => {
  const weighted = (text: string) => lengthIn('weighted', text)
  const text = `Read it all: https://example.com/${'a'.repeat(300)} and tell us what you think of it`
  expect(shorten(text, 280, weighted)).toBe(text)
  expect(weighted(shorten('日本語のテキスト'.repeat(100), 280, weighted))).toBeLessThanOrEqual(280)
})
