import { describe, expect, test } from 'vitest'
import { look } from '../../test/support/rehearse.ts'
import { summarizeMetrics } from './summarize-metrics.ts'

const summary = async (values: number[], rest = {}) => {
  const { series } = await look(summarizeMetrics, { metrics: { views: values }, ...rest })
  return series[0]
}

describe('summarize_metrics', () => {
  test('finds the day a video took off among ordinary ones', async () => {
    expect(await summary([1204, 1180, 1251, 1190, 1222, 9870, 1215])).toMatchObject({
      count: 7,
      latest: 1215,
      change: -8655,
      changeRate: -8655 / 9870,
      median: 1215,
      anomalyCount: 1,
      anomalies: [{ index: 5, value: 9870 }],
    })
  })

  test('scores by 0.6745 (x - median) / MAD', async () => {
    expect(await summary([1, 2, 3, 4, 5, 100], { threshold: 3 })).toMatchObject({
      median: 3.5,
      mean: 115 / 6,
      anomalies: [{ index: 5, score: Math.round((0.6745 * 96.5 * 100) / 1.5) / 100 }],
    })
  })

  test('a lone jump in a flat series is an anomaly although its MAD is 0', async () => {
    expect(await summary([5, 5, 5, 5, 5, 5, 5, 50])).toMatchObject({ anomalies: [{ index: 7, value: 50 }] })
  })

  test('a flat series has none', async () => {
    expect(await summary([0, 0, 0])).toMatchObject({ change: 0, changeRate: null, anomalyCount: 0 })
  })

  test('one value has no change', async () => {
    expect(await summary([7])).toMatchObject({ latest: 7, change: null, changeRate: null, mean: 7, median: 7 })
  })

  test('the largest values sum up to finite numbers', async () => {
    expect(await summary(Array(10_000).fill(1e15))).toMatchObject({ mean: 1e15 })
  })

  test('refuses empty series, what is no number, and more than 100 series', async () => {
    await expect(summary([])).rejects.toThrow()
    await expect(summary([Number.NaN])).rejects.toThrow()
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`m${i}`, [1]]))
    await expect(look(summarizeMetrics, { metrics: many })).rejects.toThrow('at most 100 series')
  })
})
