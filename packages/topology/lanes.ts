import { agentTypes } from '#agents/index.ts'

/** The bands of priorities; each agent type has a lane for each. */
export const BANDS = [
  { band: 'high', from: 8, to: 10 },
  { band: 'normal', from: 4, to: 7 },
  { band: 'low', from: 1, to: 3 },
] as const

export type Band = (typeof BANDS)[number]['band']

export const lanes = agentTypes.flatMap((agentType) => BANDS.map(({ band }) => ({ agentType, band })))
