import { connect } from 'node:net'

export type Answer = { status: number; text: string }
export type Connection = { ask(method: 'GET' | 'POST' | 'PUT', path: string, body?: string): Promise<Answer>; close(): void }

/**
 * One keep-alive connection that asks one thing at a time. It shares the cores with what it measures, so it is as light as it can be:
 * an HTTP library would cost about as much as the floor.
 */
export async function openConnection(port: number): Promise<Connection> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.setEncoding('latin1') // bytes as characters: lengths are as the server counts them
  await new Promise<void>((done, failed) => socket.once('connect', done).once('error', failed))
  let pending: { done(answer: Answer): void; failed(error: Error): void } | undefined
  let received = ''

  const fail = (error: Error) => {
    pending?.failed(error)
    pending = undefined
  }
  socket.removeAllListeners('error')
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the server closed the connection')))
  socket.on('data', (piece) => {
    received += piece
    const end = received.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, end))?.[1]
    const complete = length === undefined ? received.endsWith('\r\n0\r\n\r\n') : received.length >= end + 4 + Number(length)
    if (!complete) return
    const answer = { status: Number(received.slice(9, 12)), text: received.slice(end + 4) }
    const asked = pending
    received = ''
    pending = undefined
    asked?.done(answer)
  })

  return {
    ask: (method, path, body = '') =>
      new Promise((done, failed) => {
        pending = { done, failed }
        const type = body ? `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` : ''
        socket.write(`${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${type}\r\n${body}`)
      }),
    close: () => socket.destroy(),
  }
}
