import { describe, expect, test } from 'vitest'
import { look } from '../../test/support/rehearse.ts'
import { rateCard } from './rate-card.ts'

const card = {
  currency: 'EUR',
  minorPerThousandViews: 2_500,
  views: [50_000, 100_000],
  deliverables: [{ name: 'Integration' }, { name: 'Short', count: 2, weight: 0.3 }],
}

describe('rate_card', () => {
  test('prices each number of views', async () => {
    expect(await look(rateCard, card)).toMatchObject({
      scenarios: [
        { views: 50_000, lines: [{ amountMinor: 125_000 }, { amountMinor: 75_000 }], totalMinor: 200_000 },
        { views: 100_000, listMinor: 400_000, totalMinor: 400_000, totalPerThousandViews: 1333.33 },
      ],
    })
  })

  test('adds exclusivity and usage rights to the list, then takes the discount off the sum', async () => {
    expect(await look(rateCard, { ...card, exclusivityPercent: 20, usageRightsPercent: 30, discountPercent: 10 })).toMatchObject({
      scenarios: [{ listMinor: 200_000, surchargeMinor: 100_000, discountMinor: 30_000, totalMinor: 270_000 }, {}],
    })
  })

  test('refuses amounts that cannot be exact', async () => {
    const huge = {
      ...card,
      minorPerThousandViews: 10_000_000,
      views: [1_000_000_000],
      deliverables: [{ name: 'All', count: 100, weight: 10 }],
    }
    await expect(look(rateCard, huge)).rejects.toThrow('too large')
  })
})
