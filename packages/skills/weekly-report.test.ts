import { describe, expect, test } from 'vitest'
import { look } from '../../test/support/rehearse.ts'
import type { TaskFigures } from './define.ts'
import { weeklyReport } from './weekly-report.ts'

const approvals = { pending: 1, approved: 6, rejected: 1, expired: 1, medianWaitMs: 90_000 }
const march16: TaskFigures = {
  total: 50,
  byStatus: { completed: 36, failed: 4, cancelled: 2, awaiting_approval: 1, queued: 7 },
  byAgent: [
    { agentType: 'publishing', total: 30, completed: 24, failed: 1, medianMs: 4_200, tokens: 12_000 },
    { agentType: 'clip', total: 20, completed: 12, failed: 3, medianMs: null, tokens: 3_000 },
  ],
  failures: [
    { code: 'timeout', count: 1 },
    { code: 'skill_failed', count: 3 },
  ],
  approvals,
}
const march09: TaskFigures = {
  total: 40,
  byStatus: { completed: 32, failed: 8 },
  byAgent: [{ agentType: 'publishing', total: 40, completed: 32, failed: 8, medianMs: 5_000, tokens: 20_000 }],
  failures: [],
  approvals: { ...approvals, approved: 0, rejected: 0, expired: 0 },
}

const asked: { from: Date; to: Date }[] = []
const taskFigures = async (range: { from: Date; to: Date }) => {
  asked.push(range)
  return range.to.getTime() > Date.UTC(2026, 2, 12) ? march16 : march09
}

describe('weekly_report', () => {
  test('counts the last 7 complete days and the 7 before', async () => {
    asked.length = 0
    await look(weeklyReport, {}, { taskFigures })
    expect(asked.map(({ from, to }) => [from.toISOString(), to.toISOString()])).toEqual([
      ['2026-03-11T00:00:00.000Z', '2026-03-18T00:00:00.000Z'],
      ['2026-03-04T00:00:00.000Z', '2026-03-11T00:00:00.000Z'],
    ])
  })

  test('gives rates of what has ended and the change from the week before', async () => {
    expect(await look(weeklyReport, { to: '2026-03-16T00:00:00+01:00' }, { taskFigures })).toMatchObject({
      week: { to: '2026-03-15T23:00:00.000Z', total: 50, unfinished: 8, completionRate: 0.9, approvalRate: 0.75, tokens: 15_000 },
      weekBefore: { total: 40, completionRate: 0.8, approvalRate: null },
      change: { total: 0.25, tokens: -0.25, completionRatePoints: 10, approvalRatePoints: null },
      byAgent: [
        { agentType: 'publishing', totalBefore: 40 },
        { agentType: 'clip', totalBefore: 0 },
      ],
      failures: [{ code: 'skill_failed' }, { code: 'timeout' }],
    })
  })

  test('writes the same as Markdown', async () => {
    const { markdown } = await look(weeklyReport, { to: '2026-03-16T00:00:00Z' }, { taskFigures })
    expect(markdown).toContain('| Tasks | 50 | 40 | +25.0 % |')
    expect(markdown).toContain('| Completion rate | 90.0 % | 80.0 % | +10.0 points |')
    expect(markdown).toContain('| clip | 20 | 0 | 12 | 3 | - |')
    expect(markdown).toContain('- skill_failed: 3')
  })

  test('an org without tasks gets nulls, no divisions by zero', async () => {
    expect(await look(weeklyReport, {})).toMatchObject({ week: { total: 0, completionRate: null }, change: { total: null } })
  })

  test('refuses a week that is not over, and one before the year 2000', async () => {
    await expect(look(weeklyReport, { to: '2026-03-19T00:00:00Z' })).rejects.toThrow('future')
    await expect(look(weeklyReport, { to: '0000-01-01T00:00:00Z' })).rejects.toThrow('2000')
  })
})
