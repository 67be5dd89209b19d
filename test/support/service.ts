import { afterAll } from 'vitest'
import { readConfig } from '#platform/config.ts'
import type { LiveWorld } from '#platform/world.ts'
import { type Running, runAll } from '../../functions/one-process.ts'
import { testWorld, type WorldParts } from './world.ts'

export type Service = Running & { world: LiveWorld; url: string; ask: Ask }
export type Ask = (
  method: string,
  path: string,
  options?: { body?: unknown; headers?: Record<string, string>; key?: string },
) => Promise<Answer>
// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape
export type Answer = { status: number; headers: Headers; body: any; text: string }

/** The whole service in this process on a free port, drained and closed after the file's last test. */
export async function startService(parts: WorldParts & { env?: Record<string, string> } = {}): Promise<Service> {
  const { env, ...world } = parts
  const live = await testWorld(world)
  const running = await runAll(live, readConfig({ PORT: '0', ...env }))
  afterAll(() => running.drain()) // hooks run last first: before the world closes
  const url = `http://127.0.0.1:${running.port}`
  return { ...running, world: live, url, ask: askAt(url) }
}

export const askAt =
  (url: string): Ask =>
  async (method, path, { body, headers = {}, key } = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key ? { authorization: `Bearer ${key}` } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: parsed(text) }
  }

function parsed(text: string) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Asks again until the answer is as wished, or throws with the last one after the limit. */
export async function until<T>(look: () => Promise<T>, wished: (seen: T) => boolean, limitMs = 10_000): Promise<T> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const seen = await look()
    if (wished(seen)) return seen
    if (Date.now() > deadline) throw new Error(`not so within ${limitMs} ms: ${JSON.stringify(seen)}`)
    await new Promise((resume) => setTimeout(resume, 10))
  }
}
