import { z } from 'zod'
import { defineReadSkill, SkillError } from './define.ts'
import { shorten } from './shorten.ts'
import { judge } from './standing-out.ts'

const Segment = z.object({ start: z.number().min(0), end: z.number().min(0), text: z.string().max(2_000) })
type Segment = z.output<typeof Segment>

export const findHighlights = defineReadSkill({
  id: 'find_highlights',
  name: 'Find highlights',
  description:
    'Finds the moments of a recording that stand out, best first, from its transcript (segments with `start` and `end` in seconds and `text`) and, if given, a series of audience activity (`at` in seconds, `value` such as chat messages or loudness). A segment stands out by activity and pace of speech (words per second) against the median of the 60 segments around it, in robust standard deviations, and by applause, laughter or exclamations in the text. Neighbouring moments are merged, widened to whole sentences within `minSeconds` and `maxSeconds`, and never overlap. `score` grows with how much stands out, from 1.5; `reasons` say what did. Source: the given transcript and series only.',
  input: z.strictObject({
    segments: z.array(Segment).min(1).max(5_000),
    activity: z
      .array(z.object({ at: z.number().min(0), value: z.number() }))
      .max(20_000)
      .default([]),
    count: z.int().min(1).max(20).default(3),
    minSeconds: z.number().min(1).max(600).default(15),
    maxSeconds: z.number().min(2).max(1_800).default(60),
  }),
  output: z.strictObject({
    highlights: z.array(
      z.strictObject({
        start: z.number(),
        end: z.number(),
        title: z.string(),
        text: z.string(),
        score: z.number(),
        reasons: z.array(z.string()),
      }),
    ),
  }),
  run(input) {
    if (input.minSeconds > input.maxSeconds) throw new SkillError('minSeconds is more than maxSeconds')
    const segments = input.segments.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start)
    if (!segments.length) throw new SkillError('No segment ends after it starts')
    const judged = judge(segments, input.activity)
    const peaks = judged.map(({ score }, index) => ({ score, index })).filter(({ score }) => score >= THRESHOLD)
    const closes = sentenceEnds(segments)
    const highlights: { start: number; end: number; title: string; text: string; score: number; reasons: string[] }[] = []
    for (const { score, index } of peaks.sort((a, b) => b.score - a.score || a.index - b.index)) {
      if (highlights.length === input.count) break
      const [from, to] = widen(segments, closes, judged, index, input)
      const [start, end] = [at(segments, from).start, Math.min(at(segments, to).end, at(segments, from).start + input.maxSeconds)]
      // The better moment has already taken its neighbours in.
      if (highlights.some((taken) => start < taken.end && taken.start < end)) continue
      const text = segments
        .slice(from, to + 1)
        .map((segment) => segment.text.trim())
        .join(' ')
      const reasons = [...new Set(judged.slice(from, to + 1).flatMap((one) => (one.score >= THRESHOLD ? one.reasons : [])))]
      const title = shorten(at(segments, index).text.trim() || text.trim() || 'Highlight', 80)
      highlights.push({ start: round(start), end: round(end), title, text: shorten(text, 1_000), score: round(score), reasons })
    }
    return { highlights }
  },
})

const THRESHOLD = 1.5
const at = (segments: Segment[], index: number) => segments[index] as Segment
const round = (value: number) => Math.round(value * 100) / 100

/** Whether a sentence ends with each segment; automatic captions have no punctuation, there every segment may end one. */
function sentenceEnds(segments: Segment[]): boolean[] {
  const closes = segments.map(({ text }) => /[.!?…。！？]["'”’)\]]*\s*$|[\])*]\s*$/u.test(text))
  return closes.filter(Boolean).length * 10 < segments.length ? closes.map(() => true) : closes
}

type Bounds = { minSeconds: number; maxSeconds: number }

/** From the peak over the peaks beside it to whole sentences on both sides, at least `minSeconds`, as far as `maxSeconds` allows. */
function widen(
  segments: Segment[],
  closes: boolean[],
  judged: { score: number }[],
  peak: number,
  { minSeconds, maxSeconds }: Bounds,
) {
  let [from, to] = [peak, peak]
  const seconds = (a: number, b: number) => at(segments, b).end - at(segments, a).start
  const may = (a: number, b: number) => a >= 0 && b < segments.length && seconds(a, b) <= maxSeconds
  const isPeak = (index: number) => (judged[index]?.score ?? 0) >= THRESHOLD
  while (isPeak(from - 1) && may(from - 1, to)) from--
  while (isPeak(to + 1) && may(from, to + 1)) to++
  while (from > 0 && !closes[from - 1] && may(from - 1, to)) from--
  while (!closes[to] && may(from, to + 1)) to++
  // What led to the moment explains it, what follows shows the reaction: sentence by sentence, on both sides in turn.
  for (let [before, stuck] = [true, 0]; seconds(from, to) < minSeconds && stuck < 2; before = !before) {
    let [a, b] = before ? [from - 1, to] : [from, to + 1]
    while (before && a > 0 && !closes[a - 1]) a--
    while (!before && b < segments.length - 1 && !closes[b]) b++
    const fits = may(a, b)
    if (fits) [from, to] = [a, b]
    stuck = fits ? 0 : stuck + 1
  }
  return [from, to] as const
}
