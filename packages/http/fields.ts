import { z } from '@hono/zod-openapi'
import { agentTypes } from '#agents/index.ts'
import { isStorable } from '#domain/json.ts'

/** Fields that several endpoints share. */
export const id = z.string().regex(/^[\w-]{1,64}$/, 'must be an id')
export const idParams = z.object({ id })

const limit = z
  .string()
  .default('50')
  .refine((text) => /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 200, 'must be a whole number from 1 to 200')
  .transform(Number)
  .openapi({ type: 'integer', minimum: 1, maximum: 200, default: 50 })

export const paging = { limit, cursor: z.string().max(500).optional() }

export const agentType = z
  .enum(agentTypes as [string, ...string[]], `must be one of ${agentTypes.join(', ')}`)
  .openapi({ type: 'string', enum: [...agentTypes] })

/** Any JSON object, as it was sent: a record would lose a field named `__proto__`. */
export const jsonObject = z
  .custom<Record<string, unknown>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: 'must be an object',
  })
  .openapi({ type: 'object', additionalProperties: true })
export const anyJson = z.unknown().openapi({ description: 'Any JSON value' })
export const time = z.string().openapi({ format: 'date-time', description: 'RFC 3339, UTC' })

export const pageOf = <T extends z.ZodType>(item: T) => z.object({ data: z.array(item), nextCursor: z.string().nullable() })

export const text = (longest: number) =>
  z
    .string()
    .trim()
    .min(1, 'must not be blank')
    .max(longest, `must have at most ${longest} characters`)
    .refine(isStorable, 'holds a NUL character or half a surrogate pair')
