import { expect, test } from 'vitest'
import { hashtagsIn, lengthIn, mentionsIn } from './platform-limits.ts'

test('X counts a link as 23, an emoji and a CJK character as 2, accents once', () => {
  expect(lengthIn('weighted', 'hello')).toBe(5)
  expect(lengthIn('weighted', 'See https://example.com/a/very/long/path?with=query&and=more.')).toBe(4 + 23 + 1)
  expect(lengthIn('weighted', 'example.com')).toBe(23)
  expect(lengthIn('weighted', '👨‍👩‍👧‍👦')).toBe(2)
  expect(lengthIn('weighted', '👍🏽 日本')).toBe(2 + 1 + 4)
  expect(lengthIn('weighted', 'e\u0301')).toBe(1)
})

test('YouTube counts bytes, TikTok UTF-16 units, Instagram characters', () => {
  expect(lengthIn('bytes', 'é👍')).toBe(6)
  expect(lengthIn('utf16', 'é👍')).toBe(3)
  expect(lengthIn('characters', 'é👍')).toBe(2)
})

test('hashtags hold a letter and are no fragment of a link; mentions are no e-mail address', () => {
  expect(hashtagsIn('#Köln is #1, see https://a.com/#top and https://a.com/x#part (#2026goals)')).toEqual(['#Köln', '#2026goals'])
  expect(mentionsIn('@ada and me@example.com, thanks @grace.h')).toEqual(['@ada', '@grace.h'])
})
