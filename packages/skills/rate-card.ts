import { z } from 'zod'
import { defineReadSkill, SkillError } from './define.ts'
import { currency } from './money.ts'

const percent = z.number().min(0).max(300).default(0)

export const rateCard = defineReadSkill({
  id: 'rate_card',
  name: 'Rate card',
  description:
    'Works out what a sponsorship would cost under each given number of views: views per deliverable / 1000 times `minorPerThousandViews` (an integer in the minor unit of an ISO 4217 currency) times count and weight of each deliverable (1 is the worth of one full integration), plus exclusivity and usage rights as percentages of that, less a discount as a percentage of the sum. Amounts are rounded to whole minor units; `totalPerThousandViews` divides the total by the views of all deliverables. Rates are the caller’s: no market data is consulted.',
  input: z.strictObject({
    currency,
    minorPerThousandViews: z.int().min(1).max(10_000_000),
    views: z.array(z.int().min(1).max(1_000_000_000)).min(1).max(10),
    deliverables: z
      .array(
        z.strictObject({
          name: z.string().min(1).max(100),
          count: z.int().min(1).max(100).default(1),
          weight: z.number().min(0.01).max(10).default(1),
        }),
      )
      .min(1)
      .max(20),
    exclusivityPercent: percent,
    usageRightsPercent: percent,
    discountPercent: z.number().min(0).max(100).default(0),
  }),
  output: z.strictObject({
    currency: z.string(),
    scenarios: z.array(
      z.strictObject({
        views: z.int(),
        lines: z.array(z.strictObject({ name: z.string(), count: z.int(), amountMinor: z.int() })),
        listMinor: z.int(),
        surchargeMinor: z.int(),
        discountMinor: z.int(),
        totalMinor: z.int(),
        totalPerThousandViews: z.number(),
      }),
    ),
  }),
  run({ currency, minorPerThousandViews, views, deliverables, exclusivityPercent, usageRightsPercent, discountPercent }) {
    const pieces = deliverables.reduce((sum, { count }) => sum + count, 0)
    return { currency, scenarios: views.map(scenario) }

    function scenario(views: number) {
      const lines = deliverables.map(({ name, count, weight }) => ({
        name,
        count,
        amountMinor: Math.round((views / 1000) * minorPerThousandViews * count * weight),
      }))
      const listMinor = lines.reduce((sum, line) => sum + line.amountMinor, 0)
      const surchargeMinor = Math.round((listMinor * (exclusivityPercent + usageRightsPercent)) / 100)
      const discountMinor = Math.round(((listMinor + surchargeMinor) * discountPercent) / 100)
      const totalMinor = listMinor + surchargeMinor - discountMinor
      if ((listMinor + surchargeMinor) * 100 > Number.MAX_SAFE_INTEGER)
        throw new SkillError('The amounts are too large to be exact: give a lower rate or fewer views')
      const totalPerThousandViews = Math.round((totalMinor / (views * pieces)) * 100_000) / 100
      return { views, lines, listMinor, surchargeMinor, discountMinor, totalMinor, totalPerThousandViews }
    }
  },
})
