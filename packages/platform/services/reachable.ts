import { connect } from 'node:net'
import type { State } from '#domain/health.ts'

/** Whether anything answers at the URL's host and port; `off` when there is no URL. */
export function reachable(url: string | undefined): Promise<State> | State {
  if (!url) return 'off'
  const { hostname, port, protocol } = new URL(url)
  const number = Number(port) || ({ 'https:': 443, 'redis:': 6379, 'rediss:': 6379 }[protocol] ?? 80)
  return new Promise((done) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: number, timeout: 1_500 })
    const end = (state: State) => () => {
      socket.destroy()
      done(state)
    }
    socket.once('connect', end('ok')).once('error', end('down')).once('timeout', end('down'))
  })
}
