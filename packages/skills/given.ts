import type { Json, JsonObject } from './define.ts'

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A given text, or number as text, trimmed and cut to `max` UTF-16 units; empty when it is neither. Half a surrogate pair never remains: jsonb refuses it. */
export function givenText(value: Json | undefined, max: number): string {
  if (typeof value !== 'string' && typeof value !== 'number') return ''
  return String(value).trim().slice(0, max).toWellFormed().trimEnd()
}
