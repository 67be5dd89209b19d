import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How one call of `/api/chat` goes. */
export type OllamaAnswer =
  /** This text, in pieces, and its end. */
  | string
  /** No answer, ever: the connection is held until the client closes it. */
  | 'hang'
  /** A first piece, and then the connection breaks. */
  | 'cut'
  /** No stream: this status and body (an object is sent as JSON). */
  | { status: number; body?: unknown; headers?: Record<string, string> }
  /** These pieces, and then their end; a function is asked when they are on their way. `tokens`: what the last line reports. */
  | { pieces: string[]; end?: OllamaEnd | (() => OllamaEnd | Promise<OllamaEnd>); tokens?: { in: number; out: number } }

/** The last line, silence, a broken connection, an early end without the last line, or these lines as they stand. */
export type OllamaEnd = 'done' | 'hang' | 'cut' | 'early' | { lines: string[] }

/** The body of `/api/chat`. */
export type OllamaBody = {
  model: string
  messages: { role: string; content: string }[]
  stream?: boolean
  format?: unknown
  options?: Record<string, unknown>
}

export type OllamaRequest = {
  method: string
  path: string
  /** What was sent; undefined for a GET. */
  body: OllamaBody
  /** Settles when the connection's part in this request is over. `at` is `performance.now()`; `aborted`: the client went before the answer ended. */
  ended: Promise<{ aborted: boolean; at: number }>
}

export type OllamaStub = {
  url: string
  /** Every request, oldest first. */
  requests: OllamaRequest[]
  /** The bodies of `/api/chat`, oldest first. */
  chats: OllamaBody[]
  /** Answers that are being given now, and those whose client went before they ended. */
  open(): number
  aborted(): number
  close(): Promise<void>
}

/**
 * A server that speaks Ollama's native API on a free port of 127.0.0.1. `nth` counts the calls of `/api/chat` from 1. A model that is
 * not among `models` is answered 404 as Ollama does.
 */
export async function startOllamaStub(options: {
  models?: string[]
  answer(body: OllamaBody, nth: number): OllamaAnswer | Promise<OllamaAnswer>
  /** The pause before every piece. */
  pieceDelayMs?: number
  /** What the last line of an answer reports. */
  tokens?: { in: number; out: number }
  /** 0: any free one. */
  port?: number
}): Promise<OllamaStub> {
  const { models = ['llama2'], answer, pieceDelayMs = 0, tokens = { in: 12, out: 7 }, port = 0 } = options
  const named = models.map((name) => (name.includes(':') ? name : `${name}:latest`))
  const has = (name: string) => named.includes(name.includes(':') ? name : `${name}:latest`)
  const requests: OllamaRequest[] = []
  const chats: OllamaBody[] = []
  const cut = new WeakSet<ServerResponse>() // connections that this side broke
  let open = 0
  let aborted = 0

  async function chat(body: OllamaBody, response: ServerResponse) {
    if (!has(body.model)) return sendJson(response, 404, { error: `model '${body.model}' not found` })
    chats.push(body)
    const said = await answer(body, chats.length)
    if (said === 'hang') return
    if (typeof said === 'object' && 'status' in said) return sendJson(response, said.status, said.body ?? {}, said.headers)
    const { pieces, end: ending = 'done', tokens: counted = tokens } = partsOf(said)
    const last = {
      ...lineOf(body.model, ''),
      done: true,
      done_reason: 'stop',
      prompt_eval_count: counted.in,
      eval_count: counted.out,
    }
    if (body.stream === false) return sendJson(response, 200, { ...last, ...lineOf(body.model, pieces.join('')), done: true })
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    for (const piece of pieces) {
      if (pieceDelayMs > 0) await new Promise((resume) => setTimeout(resume, pieceDelayMs))
      if (response.destroyed) return
      await sent(response, `${JSON.stringify(lineOf(body.model, piece))}\n`)
    }
    const end = typeof ending === 'function' ? await ending() : ending
    if (end === 'hang') return
    if (end === 'cut') {
      cut.add(response)
      return response.destroy()
    }
    if (end === 'early') return response.end()
    if (end === 'done') return response.end(`${JSON.stringify(last)}\n`)
    response.end(end.lines.map((line) => `${line}\n`).join(''))
  }

  async function handle(request: IncomingMessage, response: ServerResponse) {
    open++
    const ended = new Promise<{ aborted: boolean; at: number }>((settle) => {
      response.once('close', () => {
        open--
        const left = !response.writableEnded && !cut.has(response)
        if (left) aborted++
        settle({ aborted: left, at: performance.now() })
      })
    })
    const text = await bodyOf(request)
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    const body = text ? JSON.parse(text) : undefined
    requests.push({ method: request.method ?? 'GET', path, body, ended })
    const route = `${request.method} ${path}`
    if (route === 'POST /api/chat') return chat(body, response)
    if (route === 'GET /api/tags') return sendJson(response, 200, { models: named.map((name) => ({ name, model: name })) })
    if (route === 'GET /api/version') return sendJson(response, 200, { version: '0.9.0' })
    sendJson(response, 404, { error: 'not found' })
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      if (!response.headersSent) sendJson(response, 500, { error: String(error) })
      else response.destroy()
    })
  })
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    chats,
    open: () => open,
    aborted: () => aborted,
    async close() {
      const closed = new Promise((done) => server.close(done))
      server.closeAllConnections()
      await closed
    },
  }
}

function partsOf(said: string | Extract<OllamaAnswer, { pieces: string[] }>): Extract<OllamaAnswer, { pieces: string[] }> {
  if (typeof said === 'object') return said
  if (said === 'cut') return { pieces: ['{"summ'], end: 'cut' }
  return { pieces: said.match(/.{1,16}/gsu) ?? [] }
}

const lineOf = (model: string, content: string) => ({
  model,
  created_at: new Date().toISOString(),
  message: { role: 'assistant', content },
  done: false,
})

function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Settles once the piece is on its way, or the client is gone. */
const sent = (response: ServerResponse, text: string) => new Promise<void>((done) => response.write(text, () => done()))

async function bodyOf(request: IncomingMessage) {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
