import { z } from 'zod'

const FIRST_YEAR = Date.parse('0001-01-01T00:00:00Z')
const AFTER_LAST_YEAR = Date.parse('+010000-01-01T00:00:00Z')

/** A moment that a user names; the years 1 to 9999 in UTC are what the database and RFC 3339 both can say. */
export const moment = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time such as 2026-12-01T09:00:00Z' })
  .refine(
    (value) => !(Date.parse(value) < FIRST_YEAR || Date.parse(value) >= AFTER_LAST_YEAR),
    'must lie in the years 1 to 9999, in UTC',
  )
