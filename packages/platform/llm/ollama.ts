import { Ollama } from 'ollama'
import { type Model, ModelError, type ModelMessage } from '#domain/world.ts'

/**
 * A model that an Ollama server runs, by its native API: structured output through `format`, so that models that cannot call tools
 * (llama2) plan as well. Tokens are counted as the server reports them.
 */
export function ollama(options: { baseUrl: string; model: string }): Model {
  const { baseUrl, model } = options

  /** The pieces of an answer; the connection is closed when the signal aborts, which ends the work on the server too. */
  async function* chat(messages: ModelMessage[], signal: AbortSignal, format?: object) {
    const client = new Ollama({ host: baseUrl, fetch: (url, init) => fetch(url, { ...init, signal }) })
    try {
      for await (const part of await client.chat({
        model,
        messages,
        stream: true,
        ...(format ? { format, options: { temperature: 0 } } : {}),
      }))
        yield part
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw modelError(error, baseUrl, model)
    }
  }

  return {
    name: `ollama ${model}`,
    async generate({ messages, schema, signal }) {
      let answer = ''
      for await (const part of chat(messages, signal, schema)) {
        answer += part.message.content
        if (part.done) return { answer, usage: { tokensIn: part.prompt_eval_count ?? 0, tokensOut: part.eval_count ?? 0 } }
      }
      throw new ModelError(`Ollama at ${baseUrl} broke off in mid-answer`, { retryable: true })
    },
    async *stream({ messages, signal }) {
      try {
        for await (const part of chat(messages, signal)) {
          if (part.message.content) yield { type: 'text', text: part.message.content }
          if (part.done) {
            yield { type: 'done', usage: { tokensIn: part.prompt_eval_count ?? 0, tokensOut: part.eval_count ?? 0 } }
            return
          }
        }
        yield { type: 'failed', error: new ModelError(`Ollama at ${baseUrl} broke off in mid-answer`, { retryable: true }) }
      } catch (error) {
        yield signal.aborted ? { type: 'aborted' } : { type: 'failed', error: modelError(error, baseUrl, model) }
      }
    },
    async check(signal) {
      try {
        const client = new Ollama({ host: baseUrl, fetch: (url, init) => fetch(url, { ...init, signal }) })
        const { models } = await client.list()
        const has = models.some(({ name }) => name === model || name === `${model}:latest`)
        return has ? null : missingModel(model, baseUrl)
      } catch {
        return `Ollama at ${baseUrl} does not answer`
      }
    },
  }
}

const missingModel = (model: string, baseUrl: string) =>
  `Ollama at ${baseUrl} does not have the model ${model}: run "ollama pull ${model}"`

function modelError(error: unknown, baseUrl: string, model: string): ModelError {
  if (error instanceof ModelError) return error
  const {
    status_code: status,
    message,
    cause,
  } = error as { status_code?: number; message: string; cause?: { code?: string; message?: string } }
  if (status === 404) return new ModelError(missingModel(model, baseUrl), { retryable: false })
  if (status !== undefined) {
    const retryable = status === 408 || status === 429 || status >= 500
    return new ModelError(`Ollama at ${baseUrl} answered ${status}: ${message}`.slice(0, 500), { retryable })
  }
  const why = cause?.code ?? cause?.message ?? message
  return new ModelError(`Ollama at ${baseUrl} did not answer (${why})`, { retryable: true })
}
