import type { AutonomyLevel } from '#agents/define.ts'
import type { AgentOptions } from '../tasks/schema.ts'

/** An org's settings for one agent type. */
export type AgentRow = {
  id: string
  orgId: string
  agentType: string
  name: string
  autonomyLevel: AutonomyLevel
  isEnabled: boolean
  config: AgentOptions
  /** Null: the type's defaults; empty: none. */
  allowedSkills: string[] | null
  systemPrompt: string | null
  createdAt: Date
  updatedAt: Date
  /** Another one after every change. */
  version: string
}
