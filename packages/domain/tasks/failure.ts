import type { FailureCode } from './transitions.ts'

/** The task cannot go on: it ends `failed` with this code. */
export class TaskFailed extends Error {
  override name = 'TaskFailed'
  readonly code: FailureCode

  constructor(code: FailureCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Something that may pass: the task is tried again after a pause; when the attempts are used up it ends with this code. */
export class TryAgain extends Error {
  override name = 'TryAgain'
  readonly code: FailureCode
  readonly afterMs: number | undefined

  constructor(code: FailureCode, message: string, afterMs?: number) {
    super(message)
    this.code = code
    this.afterMs = afterMs
  }
}

/** Why a worker stops in mid-task. `cancelled` and `lost`: it writes nothing more; `drained`: it gives its lease back. */
export class Stopped extends Error {
  override name = 'Stopped'
  readonly reason: 'cancelled' | 'lost' | 'drained'

  constructor(reason: 'cancelled' | 'lost' | 'drained') {
    super(reason)
    this.reason = reason
  }
}

/** How a worker is told to stop. Both abort with a Stopped as their reason. */
export type Stop = {
  /** Ends the call in flight. */
  now: AbortSignal
  /** Lets the step in hand finish; nothing new begins. */
  soon: AbortSignal
}

export const never: Stop = { now: new AbortController().signal, soon: new AbortController().signal }

/**
 * Runs one call with a time limit. It ends at the limit, and when the task is stopped, even if the call does not listen to its signal.
 * Rejects with the call's own error, with the stop's reason, or with a TimedOut.
 */
export async function within<T>(limitMs: number, stop: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  stop.throwIfAborted()
  const controller = new AbortController()
  let giveUp: (reason: unknown) => void = () => {}
  const ended = new Promise<never>((_, failed) => {
    giveUp = failed
  })
  const end = (reason: unknown) => {
    controller.abort(reason)
    giveUp(reason)
  }
  const onStop = () => end(stop.reason)
  const timer = setTimeout(() => end(new TimedOut(limitMs)), limitMs)
  stop.addEventListener('abort', onStop)
  ended.catch(() => {}) // when the call ends first nobody waits for it
  try {
    return await Promise.race([call(controller.signal), ended])
  } finally {
    clearTimeout(timer)
    stop.removeEventListener('abort', onStop)
  }
}

export class TimedOut extends Error {
  override name = 'TimedOut'

  constructor(limitMs: number) {
    super(`no answer within ${limitMs / 1000} s`)
  }
}
