import { z } from 'zod'
import { defineReadSkill } from './define.ts'

/** Keeps every sum finite. */
export const LARGEST_VALUE = 1e15
export const MOST_SERIES = 100
export const MOST_VALUES = 10_000
const MOST_ANOMALIES = 20

export const summarizeMetrics = defineReadSkill({
  id: 'summarize_metrics',
  name: 'Summarize metrics',
  description:
    'Sums up named series of numbers, oldest value first, in whatever unit they come: the latest value, its change from the one before (`change` absolute; `changeRate` as a share, 0.1 is 10 % more, null after a zero), mean, median, and anomalies by the modified z-score 0.6745 (x - median) / MAD (Iglewicz and Hoaglin; where MAD is 0, the mean absolute deviation times 1.2533 takes its place). A value is an anomaly when its score exceeds `threshold` (3.5); the 20 strongest are given with their index from 0. A pure function of its input.',
  input: z.strictObject({
    metrics: z
      .record(z.string().min(1).max(100), z.array(z.number().min(-LARGEST_VALUE).max(LARGEST_VALUE)).min(1).max(MOST_VALUES))
      .refine((metrics) => Object.keys(metrics).length <= MOST_SERIES, `at most ${MOST_SERIES} series`),
    threshold: z.number().min(1).max(100).default(3.5),
  }),
  output: z.strictObject({
    series: z.array(
      z.strictObject({
        name: z.string(),
        count: z.int(),
        latest: z.number(),
        change: z.number().nullable(),
        changeRate: z.number().nullable(),
        mean: z.number(),
        median: z.number(),
        anomalyCount: z.int(),
        anomalies: z.array(z.strictObject({ index: z.int(), value: z.number(), score: z.number() })),
      }),
    ),
  }),
  run: ({ metrics, threshold }) => ({
    series: Object.entries(metrics).map(([name, values]) => ({ name, ...summary(values, threshold) })),
  }),
})

function summary(values: number[], threshold: number) {
  const latest = values.at(-1) ?? 0
  const previous = values.at(-2)
  const median = medianOf(values)
  const anomalies = anomaliesOf(values, median, threshold)
  return {
    count: values.length,
    latest,
    change: previous === undefined ? null : latest - previous,
    changeRate: previous === undefined || previous === 0 ? null : (latest - previous) / Math.abs(previous),
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    median,
    anomalyCount: anomalies.length,
    anomalies: anomalies.sort((a, b) => Math.abs(b.score) - Math.abs(a.score) || a.index - b.index).slice(0, MOST_ANOMALIES),
  }
}

function anomaliesOf(values: number[], median: number, threshold: number) {
  const deviations = values.map((value) => Math.abs(value - median))
  const mad = medianOf(deviations)
  const unit = mad > 0 ? mad / 0.6745 : (1.2533 * deviations.reduce((sum, d) => sum + d, 0)) / values.length
  if (unit === 0) return []
  return values
    .map((value, index) => ({ index, value, score: Math.round(((value - median) / unit) * 100) / 100 }))
    .filter(({ score }) => Number.isFinite(score) && Math.abs(score) > threshold)
}

function medianOf(values: number[]): number {
  const sorted = Float64Array.from(values).sort()
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}
