import { pino } from 'pino'
import type { Log } from '#domain/world.ts'

/** JSON lines on stderr: standard output is for what a person asked for. Errors are logged whole. */
export const jsonLog = (level: 'debug' | 'info' | 'warn' | 'error'): Log =>
  pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination(2),
  )
