import { z } from 'zod'
import { defineReadSkill } from './define.ts'

export const trendBurst = defineReadSkill({
  id: 'trend_burst',
  name: 'Find bursting topics',
  description:
    'Tells which topics are talked about far more in the latest period than before. Takes counts of mentions per equal period (hours, days: the caller says which by what it counts), oldest first and at least 4; the source is the caller. `score` is how many standard deviations the latest count lies above the earlier ones, after the Anscombe transform 2 sqrt(x + 3/8) that steadies counts, with a deviation of at least 1 as chance alone gives. A topic bursts from a score of 3 and 5 mentions. Strongest first.',
  input: z.strictObject({
    topics: z
      .array(z.strictObject({ topic: z.string().min(1).max(100), mentions: z.array(z.int().min(0).max(1e9)).min(4).max(400) }))
      .min(1)
      .max(200),
  }),
  output: z.strictObject({
    topics: z.array(
      z.strictObject({ topic: z.string(), latest: z.int(), usual: z.number(), score: z.number(), bursts: z.boolean() }),
    ),
  }),
  run: ({ topics }) => ({
    topics: topics
      .map(({ topic, mentions }) => {
        const latest = mentions.at(-1) ?? 0
        const earlier = mentions.slice(0, -1)
        const score = deviations(latest, earlier)
        return { topic, latest, usual: round(mean(earlier)), score, bursts: score >= 3 && latest >= 5 }
      })
      .sort((a, b) => b.score - a.score),
  }),
})

const steady = (count: number) => 2 * Math.sqrt(count + 3 / 8)
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const round = (value: number) => Math.round(value * 100) / 100

function deviations(latest: number, earlier: number[]): number {
  const before = earlier.map(steady)
  const centre = mean(before)
  const variance = before.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (before.length - 1)
  return round((steady(latest) - centre) / Math.sqrt(Math.max(1, variance) * (1 + 1 / before.length)))
}
