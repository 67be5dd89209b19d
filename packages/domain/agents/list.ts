import { agentTypes } from '#agents/index.ts'
import type { World } from '../world.ts'
import { ensureAgents } from './get.ts'
import type { AgentRow } from './schema.ts'

/** The org's settings for every agent type, in the registry's order. */
export const listAgents = (world: World, orgId: string): Promise<AgentRow[]> => ensureAgents(world, orgId, agentTypes)
