const DAY = 86_400_000

/** A Retry-After header, seconds or a date, in milliseconds from now; at most a day. Undefined without one that can be read. */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  if (!header) return undefined
  const ms = /^\s*\d+(\.\d+)?\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(ms) ? undefined : Math.min(DAY, Math.max(0, ms))
}
