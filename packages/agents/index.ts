import type { AgentType } from './define.ts'
import { publishing } from './publishing.ts'

/** Every agent type. A ninth agent is one file and one line here. */
export const agents: readonly AgentType[] = [publishing]

export const agentTypes = agents.map((agent) => agent.type)

/** The agent of that type; undefined when there is none. */
export const agentOf = (type: string) => agents.find((agent) => agent.type === type)
