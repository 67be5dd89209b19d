import { randomUUID } from 'node:crypto'
import type { World } from '../world.ts'
import type { AgentOptions, HeldTask, Step, StepRecord } from './schema.ts'
import { CLAIM, READ_HELD } from './sql.ts'

type Row = Omit<HeldTask, 'agent' | 'approval' | 'steps'> & {
  autonomyLevel: HeldTask['agent']['autonomyLevel']
  config: AgentOptions
  allowedSkills: string[]
  inheritSkills: boolean
  systemPrompt: string | null
  isEnabled: boolean
  approval: { id: string; steps: Step[] } | null
  steps: StepRecord[] | null
  outdated: boolean
}

/**
 * Takes up to `slots` tasks of these agents that are due, best first: by priority, then age. A claim is a start: from now on the
 * tasks are this worker's, under a lease with a token, until it writes their end or the lease runs out. One round trip.
 */
export async function claim(world: World, agentTypes: readonly string[], slots: number): Promise<HeldTask[]> {
  const now = world.clock.now()
  const leaseEnd = new Date(now.getTime() + world.settings.leaseMs)
  const rows = await world.sql.run<Row>(CLAIM, [agentTypes, slots, now, randomUUID(), leaseEnd])
  await readAgain(
    world,
    rows.filter((row) => row.outdated),
  )
  return rows.map(
    ({ autonomyLevel, config, allowedSkills, inheritSkills, systemPrompt, isEnabled, steps, outdated: _, ...task }) => {
      const agent = { autonomyLevel, config, systemPrompt, isEnabled, allowedSkills: inheritSkills ? null : allowedSkills }
      return { ...task, agent, steps: steps ?? [] } as HeldTask
    },
  )
}

/** A task that its last worker wrote to while it was being claimed: a step that was just done must not be taken for one that was not. */
async function readAgain(world: World, rows: Row[]) {
  if (rows.length === 0) return
  // Claimed is claimed: should this fail, the hash and the step records of what is not read again could be old, so the claim fails whole.
  const held = await world.sql.run<Pick<Row, 'id' | 'approval' | 'steps'>>(READ_HELD, [rows.map((row) => row.id)])
  for (const row of rows)
    Object.assign(
      row,
      held.find(({ id }) => id === row.id),
    )
}
