import { expect, test } from 'vitest'
import { look, NOW } from '../../test/support/rehearse.ts'
import { suggestTimes } from './suggest-times.ts'

const HOUR = 3_600_000

test('the hour that did best before comes first, in the zone of the audience', async () => {
  const history = Array.from({ length: 28 }, (_, day) => {
    // 19:00 in New York before the change of 8 March 2026, 12:00 otherwise
    const hour = day % 2 ? '17:00' : '00:00'
    return { at: `2026-02-${String(day + 1).padStart(2, '0')}T${hour}:00Z`, engagement: hour === '00:00' ? 500 : 40 }
  })
  const { basis, slots } = await look(suggestTimes, { timeZone: 'America/New_York', history })
  expect(basis).toBe('history')
  expect(slots[0].local).toMatch(/T19:00:00-04:00$/)
  expect(slots[0].at).toMatch(/T23:00:00\.000Z$/)
})

test('one lucky post weighs less than a steady hour', async () => {
  const steady = [2, 9, 16, 23].map((day) => ({ at: `2026-02-${String(day).padStart(2, '0')}T18:00:00Z`, engagement: 100 }))
  const rest = [3, 10, 17, 24].map((day) => ({ at: `2026-02-${String(day).padStart(2, '0')}T09:00:00Z`, engagement: 10 }))
  const history = [...steady, ...rest, { at: '2026-02-04T11:00:00Z', engagement: 130 }]
  const { slots } = await look(suggestTimes, { history })
  expect(slots[0]).toMatchObject({ local: '2026-03-23T18:00:00+00:00', posts: 4 })
})

test('quiet hours and spacing hold, also towards what is already taken', async () => {
  const taken = ['2026-03-18T18:00:00Z']
  const { slots } = await look(suggestTimes, { taken, count: 20, spacingHours: 6 })
  const times = [...taken, ...slots.map((slot: { at: string }) => slot.at)].map((at) => Date.parse(at)).sort((a, b) => a - b)
  for (const [i, time] of times.entries()) if (i) expect(time - (times[i - 1] as number)).toBeGreaterThanOrEqual(6 * HOUR)
  for (const { local, at } of slots) {
    expect(Number(local.slice(11, 13))).toBeGreaterThanOrEqual(7)
    expect(Number(local.slice(11, 13))).toBeLessThan(22)
    expect(Date.parse(at)).toBeGreaterThanOrEqual(NOW.getTime())
  }
})

test('an hour that the change of clocks skips is never suggested, and the one that it repeats is named by its offset', async () => {
  const all = { timeZone: 'Europe/Berlin', days: 2, count: 20, quietFrom: 0, quietTo: 0, spacingHours: 1 }
  const hours = async (from: string, history: { at: string; engagement: number }[]) => {
    const { slots } = await look(suggestTimes, { ...all, from, history })
    return slots.map((slot: { local: string }) => slot.local).sort()
  }
  // clocks go from 2:00 to 3:00; history says that two in the morning is best
  const spring = await hours('2026-03-28T20:00:00Z', [{ at: '2026-03-22T01:30:00Z', engagement: 9 }])
  expect(spring).not.toContain('2026-03-29T02:00:00+01:00')
  expect(spring).not.toContain('2026-03-29T02:00:00+02:00')
  expect(spring).toContain('2026-03-29T03:00:00+02:00')
  const autumn = await hours('2026-10-24T22:00:00Z', [{ at: '2026-10-18T00:30:00Z', engagement: 9 }])
  expect(autumn).toContain('2026-10-25T02:00:00+02:00')
  expect(autumn).toContain('2026-10-25T02:00:00+01:00')
})

test('zones off the full hour are met at their full hour', async () => {
  const { slots } = await look(suggestTimes, { timeZone: 'Asia/Kathmandu' })
  expect(slots[0].local).toMatch(/T18:00:00\+05:45$/)
  expect(slots[0].at).toMatch(/T12:15:00\.000Z$/)
})

test('without a history the basis is convention; an unknown zone is refused by name', async () => {
  expect((await look(suggestTimes, {})).basis).toBe('convention')
  await expect(look(suggestTimes, { timeZone: 'Mars/Olympus' })).rejects.toThrow('No such time zone: Mars/Olympus')
})
