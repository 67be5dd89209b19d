/** `off`: not configured. */
export type State = 'ok' | 'off' | 'down'

export const CHECKS = ['database', 'redis', 'queue', 'llm', 'mcpGateway', 'skills', 'knowledge', 'personality'] as const

/** How each part is; a check that throws or takes too long counts as `down`. */
export type Health = Record<(typeof CHECKS)[number], () => Promise<State> | State>
