import { z } from 'zod'
import { defineReadSkill, SkillError, type TaskFigures } from './define.ts'

const DAY_MS = 86_400_000
const WEEK_MS = 7 * DAY_MS
const EARLIEST = Date.UTC(2000, 0, 15)

const week = z.strictObject({
  from: z.string(),
  to: z.string(),
  total: z.int(),
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  unfinished: z.int(),
  completionRate: z.number().nullable(),
  approvalRate: z.number().nullable(),
  approvalWaitMs: z.number().nullable(),
  tokens: z.number(),
})

const report = z.strictObject({
  week,
  weekBefore: week,
  change: z.strictObject({
    total: z.number().nullable(),
    tokens: z.number().nullable(),
    completionRatePoints: z.number().nullable(),
    approvalRatePoints: z.number().nullable(),
  }),
  byAgent: z.array(
    z.strictObject({
      agentType: z.string(),
      total: z.int(),
      totalBefore: z.int(),
      completed: z.int(),
      failed: z.int(),
      medianMs: z.number().nullable(),
      tokens: z.number(),
    }),
  ),
  failures: z.array(z.strictObject({ code: z.string(), count: z.int() })),
  markdown: z.string(),
})
type Report = Omit<z.output<typeof report>, 'markdown'>

export const weeklyReport = defineReadSkill({
  id: 'weekly_report',
  name: 'Weekly report',
  description:
    "Counts the organisation's own tasks of the 7 days before `to` (default: the last midnight UTC, so 7 complete days) and of the 7 days before those, from the orchestrator's database. Gives totals; `completionRate`, completed of completed and failed; `approvalRate`, approved of approved, rejected and expired; times in milliseconds; tokens; `change`, where counts change as a share of the week before (0.1 is 10 % more) and rates in percentage points; and the whole as Markdown. What cannot be computed is null.",
  input: z.strictObject({ to: z.iso.datetime({ offset: true }).optional() }),
  output: report,
  async run({ to }, context) {
    const now = context.now.getTime()
    const end = to ? Date.parse(to) : Math.floor(now / DAY_MS) * DAY_MS
    if (end > now) throw new SkillError('`to` lies in the future: the week is not over')
    if (end < EARLIEST) throw new SkillError('`to` lies before the year 2000')
    const [figures, before] = await Promise.all([figuresUntil(end), figuresUntil(end - WEEK_MS)])
    const [current, previous] = [summary(figures, end), summary(before, end - WEEK_MS)]
    const found = {
      week: current,
      weekBefore: previous,
      change: {
        total: growth(current.total, previous.total),
        tokens: growth(current.tokens, previous.tokens),
        completionRatePoints: points(current.completionRate, previous.completionRate),
        approvalRatePoints: points(current.approvalRate, previous.approvalRate),
      },
      byAgent: figures.byAgent.map((agent) => ({
        ...agent,
        totalBefore: before.byAgent.find((b) => b.agentType === agent.agentType)?.total ?? 0,
      })),
      failures: figures.failures.toSorted((a, b) => b.count - a.count).slice(0, 10),
    }
    return { ...found, markdown: markdown(found) }

    function figuresUntil(at: number) {
      return context.taskFigures({ from: new Date(at - WEEK_MS), to: new Date(at) })
    }
  },
})

type Week = z.output<typeof week>

function summary({ total, byStatus, byAgent, approvals }: TaskFigures, end: number): Week {
  const { completed = 0, failed = 0, cancelled = 0 } = byStatus
  return {
    from: new Date(end - WEEK_MS).toISOString(),
    to: new Date(end).toISOString(),
    total,
    completed,
    failed,
    cancelled,
    unfinished: total - completed - failed - cancelled,
    completionRate: share(completed, completed + failed),
    approvalRate: share(approvals.approved, approvals.approved + approvals.rejected + approvals.expired),
    approvalWaitMs: approvals.medianWaitMs,
    tokens: byAgent.reduce((sum, agent) => sum + agent.tokens, 0),
  }
}

const round = (value: number) => Math.round(value * 10_000) / 10_000
const share = (part: number, whole: number) => (whole === 0 ? null : round(part / whole))
const growth = (current: number, previous: number) => (previous === 0 ? null : round(current / previous - 1))
const points = (current: number | null, previous: number | null) =>
  current === null || previous === null ? null : round((current - previous) * 100)

const signed = (value: number | null, unit: string) =>
  value === null ? '-' : `${value > 0 ? '+' : ''}${value.toFixed(1)} ${unit}`
const percent = (value: number | null) => (value === null ? '-' : `${(value * 100).toFixed(1)} %`)
const seconds = (ms: number | null) => (ms === null ? '-' : `${(ms / 1000).toFixed(1)} s`)

function markdown({ week: w, weekBefore: b, change, byAgent, failures }: Report): string {
  const share100 = (value: number | null) => signed(value === null ? null : value * 100, '%')
  return [
    `# Week from ${w.from} to ${w.to}`,
    '',
    '| | this week | the week before | change |',
    '| --- | ---: | ---: | ---: |',
    `| Tasks | ${w.total} | ${b.total} | ${share100(change.total)} |`,
    `| Completed | ${w.completed} | ${b.completed} | |`,
    `| Failed | ${w.failed} | ${b.failed} | |`,
    `| Completion rate | ${percent(w.completionRate)} | ${percent(b.completionRate)} | ${signed(change.completionRatePoints, 'points')} |`,
    `| Approval rate | ${percent(w.approvalRate)} | ${percent(b.approvalRate)} | ${signed(change.approvalRatePoints, 'points')} |`,
    `| Median wait for approval | ${seconds(w.approvalWaitMs)} | ${seconds(b.approvalWaitMs)} | |`,
    `| Tokens | ${w.tokens} | ${b.tokens} | ${share100(change.tokens)} |`,
    '',
    '| agent | tasks | before | completed | failed | median time |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...byAgent.map(
      (a) => `| ${a.agentType} | ${a.total} | ${a.totalBefore} | ${a.completed} | ${a.failed} | ${seconds(a.medianMs)} |`,
    ),
    ...(failures.length === 0 ? [] : ['', '## Failures', '', ...failures.map((f) => `- ${f.code}: ${f.count}`)]),
  ].join('\n')
}
