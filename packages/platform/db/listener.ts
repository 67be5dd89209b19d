import pg from 'pg'

export type Listener = {
  /** Calls `heard` with the payload of every notification on the channel, until the returned function is called. */
  on(channel: string, heard: (payload: string) => void): () => void
  /** Calls `changed` whenever the connection comes or goes: what was said in between was missed. */
  onChange(changed: (connected: boolean) => void): void
  connected(): boolean
  close(): Promise<void>
}

const RECONNECT_MS = 1_000
const ASK_MS = 30_000

/** One connection that listens (LISTEN) on these channels, and comes back when it breaks. Resolves after the first attempt. */
export async function listen(url: string, channels: readonly string[]): Promise<Listener> {
  const hearers = new Map<string, Set<(payload: string) => void>>(channels.map((channel) => [channel, new Set()]))
  const watchers = new Set<(connected: boolean) => void>()
  let client: pg.Client | null = null
  let closed = false

  function tell(connected: boolean) {
    for (const changed of watchers) changed(connected)
  }

  async function open() {
    if (closed) return
    const fresh = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      query_timeout: 10_000,
    })
    const lost = () => {
      if (client === fresh) {
        client = null
        tell(false)
      }
      if (!closed && !retry) retry = setTimeout(open, RECONNECT_MS).unref()
    }
    let retry: NodeJS.Timeout | undefined
    fresh.on('error', lost)
    fresh.on('end', lost)
    fresh.on('notification', ({ channel, payload }) => {
      for (const heard of hearers.get(channel) ?? []) heard(payload ?? '')
    })
    try {
      await fresh.connect()
      await fresh.query(channels.map((channel) => `LISTEN ${channel}`).join('; '))
      client = fresh
      if (closed) await fresh.end()
      else tell(true)
    } catch {
      lost()
      fresh.end().catch(() => {})
    }
  }

  /** A connection that died without a word says nothing; asked, it fails. */
  const asking = setInterval(() => {
    const asked = client
    asked?.query('SELECT 1').catch(() => asked.end().catch(() => {}))
  }, ASK_MS).unref()

  await open()
  return {
    on(channel, heard) {
      const those = hearers.get(channel)
      if (!those) throw new Error(`nobody listens on ${channel}`)
      those.add(heard)
      return () => void those.delete(heard)
    },
    onChange: (changed) => void watchers.add(changed),
    connected: () => client !== null,
    async close() {
      closed = true
      clearInterval(asking)
      await client?.end().catch(() => {})
    },
  }
}
