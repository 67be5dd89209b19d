import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import { invalid } from '#domain/problem.ts'
import type { Log } from '#domain/world.ts'

const HEARTBEAT_MS = 15_000

export type ServerEvent = { id: string; event: string; data: unknown }

/** The number after which a reader goes on; 0, the whole, without the header. Problem: `validation_failed`. */
export function lastEventId(c: Context): number {
  const header = c.req.header('last-event-id')
  if (header === undefined || header === '') return 0
  if (!/^\d{1,9}$/.test(header)) throw invalid('Last-Event-ID', 'must be the id of an event of this stream')
  return Number(header)
}

/**
 * Sends events as they come, with a comment every 15 s as a heartbeat. The answer begins at once, for the first event may be hours away:
 * what is wrong with the request is for the route to find out before. After that a failure ends the stream, and so does `closing` (the
 * process shuts down): the reader resumes.
 */
export function sendEvents(
  c: Context,
  { log, closing }: { log: Log; closing: AbortSignal },
  events: (signal: AbortSignal) => AsyncGenerator<ServerEvent>,
): Response {
  if (c.req.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/event-stream' }) // nobody would read on
  const left = new AbortController()
  const source = events(AbortSignal.any([left.signal, closing]))
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => left.abort())
    const heartbeat = setInterval(() => void stream.write(': still here\n\n'), HEARTBEAT_MS)
    try {
      for await (const { id, event, data } of source) {
        await stream.writeSSE({ id, event, data: JSON.stringify(data) })
      }
    } catch (error) {
      log.warn({ path: c.req.path, error: String(error) }, 'a stream broke off')
    } finally {
      clearInterval(heartbeat)
      left.abort()
    }
  })
}
