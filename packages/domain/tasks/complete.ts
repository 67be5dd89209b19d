import type { Json, JsonObject } from '#skills/define.ts'
import type { World } from '../world.ts'
import type { HeldTask, Plan, PlanningTask, RunningTask } from './schema.ts'
import { decide, type Notes, write } from './write.ts'

/** Manual: what a person should do and why, beside what the plan worked out. */
export async function suggest(world: World, task: PlanningTask, notes: Notes, plan: Plan) {
  const output = {
    ...plan.output,
    suggestion: { summary: plan.summary, confidence: plan.confidence, steps: plan.steps } as unknown as Json,
  }
  await end(world, task, notes, output, 'Suggested: a person carries it out', plan)
}

/** A plan without steps: its output is the task's. */
export async function finish(world: World, task: PlanningTask, notes: Notes, plan: Plan) {
  await end(world, task, notes, plan.output ?? { summary: plan.summary }, 'Completed: the plan has no steps', plan)
}

/** Every step has its result. */
export async function complete(
  world: World,
  task: RunningTask,
  notes: Notes,
  steps: { index: number; tool: string; output: Json }[],
) {
  const count = steps.length === 1 ? 'the step is' : `all ${steps.length} steps are`
  await end(world, task, notes, { ...task.plan.output, steps }, `Completed: ${count} done`)
}

async function end(world: World, task: HeldTask, notes: Notes, output: JsonObject, message: string, plan?: Plan) {
  notes.trace.push({ type: 'completed', message })
  decide(notes, { decisionType: 'complete', reasoning: message, action: { status: 'completed' } })
  await write(world, task, notes, { status: 'completed', output, plan })
}
