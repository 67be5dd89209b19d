import { expect, test } from 'vitest'
import { look } from '../../test/support/rehearse.ts'
import { findHighlights } from './find-highlights.ts'

type Span = { start: number; end: number }

/** Ten minutes of even talk in sentences of two segments, five seconds each. */
const talk = (length = 120) =>
  Array.from({ length }, (_, i) => ({
    start: i * 5,
    end: i * 5 + 5,
    text: i % 2 ? 'and then we look at the next part of it.' : 'Here we take the first part of the plan',
  }))

test('even talk has no highlight', async () => {
  expect(await look(findHighlights, { segments: talk() })).toEqual({ highlights: [] })
})

test('laughter and exclamations are a highlight, cut at the ends of sentences', async () => {
  const segments = talk().map((one, i) => (i === 60 ? { ...one, text: 'No way, it actually worked! [laughter]' } : one))
  const { highlights } = await look(findHighlights, { segments })
  expect(highlights).toHaveLength(1)
  const [{ start, end, reasons, title }] = highlights
  expect(title).toBe('No way, it actually worked! [laughter]')
  expect(start).toBeLessThanOrEqual(300)
  expect(end).toBeGreaterThanOrEqual(305)
  expect(end - start).toBeGreaterThanOrEqual(15)
  expect(end - start).toBeLessThanOrEqual(60)
  // a sentence begins with every even segment
  expect((start / 5) % 2).toBe(0)
  expect(reasons).toEqual(['laughter, applause or cheering in the transcript', 'exclamations'])
})

test('the chat going wild is a highlight though the words are calm, and the busier comes first', async () => {
  const activity = Array.from({ length: 600 }, (_, at) => ({
    at,
    value: 10 + (at % 3) + (at >= 200 && at < 210 ? 15 : 0) + (at >= 450 && at < 460 ? 8 : 0),
  }))
  const { highlights } = await look(findHighlights, { segments: talk(), activity, count: 2 })
  expect(highlights.map(({ start, end }: Span) => [start <= 200 && end >= 210, start <= 450 && end >= 460])).toEqual([
    [true, false],
    [false, true],
  ])
  expect(highlights[0].reasons[0]).toMatch(/^activity \d/)
})

test('moments that lie close together are one, and highlights never overlap', async () => {
  const segments = talk().map((one, i) =>
    [40, 41, 42, 90].includes(i) ? { ...one, text: 'Wow! Unbelievable! [applause]' } : one,
  )
  const { highlights } = await look(findHighlights, { segments, count: 10 })
  expect(highlights).toHaveLength(2)
  const [a, b] = highlights.toSorted((x: Span, y: Span) => x.start - y.start)
  expect(a.start).toBeLessThanOrEqual(200)
  expect(a.end).toBeGreaterThanOrEqual(215)
  expect(a.end).toBeLessThanOrEqual(b.start)
})

test('no highlight is longer than maxSeconds, not even of one endless segment or without punctuation', async () => {
  const bare = talk().map((one, i) => ({
    ...one,
    text: i === 50 ? 'wow insane unbelievable crazy' : 'just words without an end',
  }))
  for (const segments of [bare, [{ start: 0, end: 900, text: 'Wow! Wow! Wow! [applause]' }]]) {
    const { highlights } = await look(findHighlights, { segments, minSeconds: 5, maxSeconds: 20 })
    expect(highlights).toHaveLength(1)
    expect(highlights[0].end - highlights[0].start).toBeLessThanOrEqual(20)
    expect(highlights[0].end).toBeGreaterThan(highlights[0].start)
  }
})

test('a transcript of five thousand segments takes well under a second', async () => {
  const began = performance.now()
  const activity = Array.from({ length: 20_000 }, (_, at) => ({ at, value: (at * 7919) % 101 }))
  await look(findHighlights, { segments: talk(5_000), activity })
  expect(performance.now() - began).toBeLessThan(2_000)
})

test('segments that never end after they start are refused', async () => {
  await expect(look(findHighlights, { segments: [{ start: 5, end: 5, text: 'x' }] })).rejects.toThrow('No segment ends')
})
