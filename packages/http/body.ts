import type { Context } from 'hono'
import { DEEPEST, isStorable, isTooDeep } from '#domain/json.ts'
import { invalid, Problem } from '#domain/problem.ts'

const LARGEST = 1024 * 1024 // bytes
const NOT_STORABLE = /\\u0000|\\u[dD][89a-fA-F]/
const MAY_OVERFLOW = /\d[eE]\+?\d{2}|\d{16}/

/** The JSON body; undefined when there is none. Problems: `payload_too_large`, `unsupported_media_type`, `malformed_json`, `validation_failed`. */
export async function readBody(c: Context): Promise<unknown> {
  const text = await readText(c)
  if (text.trim() === '') return undefined
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? 'application/json'
  if (type !== 'application/json' && !type.endsWith('+json'))
    throw new Problem('unsupported_media_type', `The body is ${type}; send application/json.`)
  if (isTooDeep(text)) throw invalid('body', `is nested deeper than ${DEEPEST} levels`)
  const value = parse(text)
  if (NOT_STORABLE.test(text) || MAY_OVERFLOW.test(text)) refuseUnstorable(value, [])
  return value
}

async function readText(c: Context): Promise<string> {
  const announced = Number(c.req.header('content-length') ?? 0)
  if (announced > LARGEST) throw tooLarge()
  if (announced > 0) return c.req.text() // the server reads no more than was announced
  const { body } = c.req.raw // asked for last: it makes a whole web stream
  if (!body) return ''
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body) {
    size += piece.length
    if (size > LARGEST) throw tooLarge()
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

const tooLarge = () => new Problem('payload_too_large', `A body may have ${LARGEST} bytes.`)

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Problem('malformed_json', `The body is not JSON: ${(error as Error).message}`)
  }
}

/** What JSON can say and the database cannot hold as it was said: it would come back changed. */
function refuseUnstorable(value: unknown, path: (string | number)[]): void {
  const at = path.join('.') || 'body'
  if (typeof value === 'string' && !isStorable(value)) throw invalid(at, 'holds a NUL character or half a surrogate pair')
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalid(at, 'is a number beyond what can be held')
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21)
    throw invalid(at, 'is a whole number beyond 2^53, which would come back changed: send it as a text')
  if (typeof value !== 'object' || value === null) return
  for (const [key, item] of Object.entries(value)) {
    if (!isStorable(key)) throw invalid(at, 'has a name that holds a NUL character or half a surrogate pair')
    refuseUnstorable(item, [...path, key])
  }
}
