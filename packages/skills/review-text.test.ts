import { expect, test } from 'vitest'
import { look } from '../../test/support/rehearse.ts'
import { reviewText } from './review-text.ts'

const found = async (text: string, more = {}) =>
  (await look(reviewText, { text, ...more })).findings.map((one: { category: string; severity: number; evidence: string }) => [
    one.category,
    one.severity,
    one.evidence,
  ])

test.each([
  'Great video, thank you! When is part 2 coming out?',
  'I watched it on 2026-03-29 at 18:00, from 10:15 on. 1,250,000 views, wow',
  'Order 4711-2026 has 12 parts and costs 1.299,00 € (about $1,400)',
  'Our server is 192.168.100.200, version 24.21.0, e.g. for tests',
  'That killed me, I died laughing. You will find me in the comments',
  'haha hahaha!!! so good :D',
])('an ordinary comment is clean: %s', async (text) => {
  expect(await look(reviewText, { text })).toEqual({ verdict: 'clean', severity: 0, findings: [] })
})

test('a threat is severe, also in disguise, and is quoted with its place', async () => {
  const text = 'nobody likes you, k1ll y0urself'
  const { verdict, severity, findings } = await look(reviewText, { text })
  expect({ verdict, severity }).toEqual({ verdict: 'severe', severity: 5 })
  expect(findings[0]).toMatchObject({ category: 'threat', evidence: 'k1ll y0urself', start: 18, end: 31 })
  expect(findings[0].reason).toContain('disguised')
})

test('the terms that the caller blocks are severe', async () => {
  expect(await found('get your с а s і n о bonus', { blockedTerms: ['casino'] })).toEqual([['blocked_term', 4, 'с а s і n о']])
})

test('a link is mild, one that hides its target is worse, three are a flood, and allowed domains are fine', async () => {
  expect(await found('My blog: example.com/post.')).toEqual([['link', 2, 'example.com/post']])
  expect(await found('look https://bit.ly/3xYz')).toEqual([['link', 3, 'https://bit.ly/3xYz']])
  expect(await found('http://203.0.113.9/login')).toEqual([['link', 3, 'http://203.0.113.9/login']])
  expect((await found('a.com b.com https://c.com')).map(([, severity]: [string, number]) => severity)).toEqual([4, 4, 4])
  expect(await found('https://shop.example.com/x', { allowedDomains: ['example.com'] })).toEqual([])
  expect(await found('https://notexample.com', { allowedDomains: ['example.com'] })).toHaveLength(1)
})

test('the same again and again is repetition', async () => {
  expect(await found('buy buy buy buy buy now')).toEqual([['repetition', 2, 'buy buy buy buy buy']])
  expect(await found('aaaaaaaaaaaaaaa')).toEqual([['repetition', 2, 'aaaaaaaaaaaaaaa']])
  expect(await found('follow me\nfollow me\nnice\nfollow me')).toEqual([['repetition', 2, 'follow me']])
})

test.each([
  ['anna.berg+x@mail.example.co.uk', 'An e-mail address'],
  ['+49 (0)151 2345 6789', 'A phone number'],
  ['(555) 867-5309', 'A phone number'],
  ['555-867-5309', 'A phone number'],
  ['0151 23456789', 'A phone number'],
  ['4111 1111 1111 1111', 'A card number'],
])('%s is personal data', async (written, reason) => {
  const { findings } = await look(reviewText, { text: `Write to ${written}, please` })
  expect(findings).toMatchObject([{ category: 'personal_data', severity: 3, evidence: written, reason }])
})

test('a hostile text of the full length takes little time', async () => {
  const began = performance.now()
  for (const unit of ['a', 'a.', 'a@', '1 ', '1-', '(', '-a', '\n', 'ab ', '!a', '+1'])
    await look(reviewText, { text: unit.repeat(20_000 / unit.length), blockedTerms: ['aaaa', 'a a a', '1 1 1'] })
  expect(performance.now() - began).toBeLessThan(5_000)
})
