import type { Json, JsonObject } from '#skills/define.ts'
import type { Plan, PlanningTask, RunningTask } from './schema.ts'
import { decide, type Work, write } from './write.ts'

/** Manual: what a person should do and why, beside what the plan worked out. */
export async function suggest(work: Work<PlanningTask>, plan: Plan) {
  const output = {
    ...plan.output,
    suggestion: { summary: plan.summary, confidence: plan.confidence, steps: plan.steps } as unknown as Json,
  }
  await end(work, output, 'Suggested: a person carries it out', plan)
}

/** A plan without steps: its output is the task's. */
export async function finish(work: Work<PlanningTask>, plan: Plan) {
  await end(work, plan.output ?? { summary: plan.summary }, 'Completed: the plan has no steps', plan)
}

/** Every step has its result. */
export async function complete(work: Work<RunningTask>, steps: { index: number; tool: string; output: Json }[]) {
  const count = steps.length === 1 ? 'the step is' : `all ${steps.length} steps are`
  await end(work, { ...work.task.plan.output, steps }, `Completed: ${count} done`)
}

async function end(work: Work, output: JsonObject, message: string, plan?: Plan) {
  work.notes.trace.push({ type: 'completed', message })
  decide(work.notes, { decisionType: 'complete', reasoning: message, action: { status: 'completed' } })
  await write(work, { status: 'completed', output, plan })
}
