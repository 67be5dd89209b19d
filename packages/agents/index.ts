import { analytics } from './analytics.ts'
import { clip } from './clip.ts'
import { community } from './community.ts'
import { content } from './content.ts'
import type { AgentType } from './define.ts'
import { growth } from './growth.ts'
import { moderation } from './moderation.ts'
import { publishing } from './publishing.ts'
import { revenue } from './revenue.ts'

/** Every agent type. A ninth agent is one file and one line here. */
export const agents: readonly AgentType[] = [content, clip, publishing, moderation, analytics, growth, community, revenue]

export const agentTypes = agents.map((agent) => agent.type)

/** The agent of that type; undefined when there is none. */
export const agentOf = (type: string) => agents.find((agent) => agent.type === type)
