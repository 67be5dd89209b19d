import { invalid } from './problem.ts'

/** A page of a list, newest first; `nextCursor` is null on the last one. */
export type Page<T> = { data: T[]; nextCursor: string | null }

export type PageAsk = { limit: number; cursor?: string }

type Place = { createdAt: Date; id: string }

/** Where a list goes on, as a Prisma filter on (createdAt, id) descending. Problem: `validation_failed` for a cursor that is not ours. */
export function after(cursor: string | undefined) {
  if (cursor === undefined) return {}
  const { createdAt, id } = readCursor(cursor)
  return { OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: id } }] }
}

export const newestFirst = [{ createdAt: 'desc' as const }, { id: 'desc' as const }]

/** Cuts a page from rows of which one more was asked for than it holds. */
export function pageOf<Row extends Place, T>(rows: Row[], limit: number, view: (row: Row) => T): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return { data: shown.map(view), nextCursor: rows.length > limit && last ? cursorOf(last) : null }
}

const LAST = Date.parse('9999-12-31T23:59:59.999Z') // what the database takes; rows of ours are all within

const cursorOf = ({ createdAt, id }: Place) => Buffer.from(JSON.stringify([createdAt, id])).toString('base64url')

export function readCursor(cursor: string): Place {
  try {
    const [at, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    const createdAt = new Date(at)
    const isTime = createdAt.getTime() >= 0 && createdAt.getTime() <= LAST
    if (typeof id === 'string' && isTime && !id.includes('\0')) return { createdAt, id }
  } catch {
    // falls through to the answer below
  }
  throw invalid('cursor', 'is not a nextCursor of this list')
}
