import type { AgentType, Observation } from '#agents/define.ts'
import { agentOf } from '#agents/index.ts'
import type { JsonObject } from '#skills/define.ts'
import { type Toolbox, toolsOf } from '../tools.ts'
import { ModelError, type World } from '../world.ts'
import { type Answer, type Invalid, readAnswer } from './answer.ts'
import { type Stop, TaskFailed, TimedOut, TryAgain, within } from './failure.ts'
import { lookUpOne } from './look-up.ts'
import { planningPrompt, schemaFor } from './prompt.ts'
import type { Plan, PlanningTask } from './schema.ts'
import { decide, type Notes, write } from './write.ts'

const ROUNDS = 4

/**
 * Asks the model for a plan: the ordered, complete list of the side effects that the task proposes. Reads and thinks; what it looks up
 * and decides is noted. Throws TaskFailed (`plan_invalid`, `skill_not_allowed`, `llm_unavailable`) or TryAgain.
 */
export async function planTask(world: World, task: PlanningTask, notes: Notes, stop: Stop): Promise<Plan> {
  const agent = agentOf(task.agentType)
  if (!agent) throw new TaskFailed('plan_invalid', `there is no agent type ${task.agentType}`)
  const { tools, missing } = await toolsOf(world, task.orgId, task.agentType, task.agent)
  for (const { source, reason } of missing)
    notes.trace.push({ type: 'degraded', message: `${source} does not answer: planning without it (${reason})` })
  if (task.skillId !== null && !tools.has(task.skillId)) {
    throw new TaskFailed('skill_not_allowed', `the ${task.agentType} agent may not use ${task.skillId}`)
  }
  const seen: Observation[] = []
  for (let round = 1; ; round++) {
    const answer = await askModel(world, task, agent, tools, seen, notes, stop, round < ROUNDS)
    if ('plan' in answer) {
      notePlan(notes, answer.plan)
      return answer.plan
    }
    // What is asked of one moment is looked up at one moment.
    seen.push(...(await Promise.all(answer.lookUps.map((lookUp) => lookUpOne(world, task, tools, lookUp, notes, stop)))))
    await writeUnlessInstant(world, task, notes)
  }
}

/** One answer of the model, shown its mistake once when it is not valid. */
async function askModel(
  world: World,
  task: PlanningTask,
  agent: AgentType,
  tools: Toolbox,
  seen: Observation[],
  notes: Notes,
  stop: Stop,
  mayLookUp: boolean,
): Promise<Answer> {
  const schema = world.model.instant ? {} : schemaFor(tools, task.skillId, mayLookUp)
  const messages = world.model.instant ? [] : planningPrompt(agent, task, tools, seen)
  const situation = { ...situationOf(world, task, tools, seen), agentType: task.agentType, skillId: task.skillId }
  let refused: string[] = []
  for (const last of [false, true]) {
    const startedAt = performance.now()
    const { answer: text, usage } = await callModel(world, stop, (signal) =>
      world.model.generate({ messages, situation, schema, signal }),
    )
    notes.tokensIn += usage.tokensIn
    notes.tokensOut += usage.tokensOut
    if (!world.model.instant) {
      const data = { model: world.model.name, ...usage, ms: Math.round(performance.now() - startedAt) }
      notes.trace.push({ type: 'model_answered', message: `${world.model.name} answered`, data })
    }
    const answer = readAnswer(text, tools, task.skillId, mayLookUp)
    if (!('problem' in answer)) return answer
    refused = answer.refused
    noteRefusal(notes, answer)
    if (last) break
    messages.push(
      { role: 'assistant', content: text },
      { role: 'user', content: `That answer is not valid: ${answer.problem}. Answer again.` },
    )
    await writeUnlessInstant(world, task, notes)
  }
  if (refused.length > 0)
    throw new TaskFailed('skill_not_allowed', `the plan asks for ${refused.join(', ')}, which the agent may not use here`)
  throw new TaskFailed('plan_invalid', 'the model gave no valid plan, also after it was shown what was wrong')
}

/** Nothing noted stays unwritten while a model thinks; a model that answers in no time is no moment of its own. */
async function writeUnlessInstant(world: World, task: PlanningTask, notes: Notes) {
  if (!world.model.instant) await write(world, task, notes)
}

async function callModel<T>(world: World, stop: Stop, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await (world.model.instant ? call(stop.now) : within(world.settings.modelTimeoutMs, stop.now, call))
  } catch (error) {
    if (error instanceof TimedOut) throw new TryAgain('llm_unavailable', `${world.model.name}: ${error.message}`)
    if (!(error instanceof ModelError)) throw error
    if (error.retryable) throw new TryAgain('llm_unavailable', error.message, error.retryAfterMs)
    throw new TaskFailed('llm_unavailable', error.message)
  }
}

function situationOf(world: World, task: PlanningTask, tools: Toolbox, seen: Observation[]) {
  const { title, taskType, input } = task
  return {
    task: { title, taskType, input },
    options: task.agent.config as JsonObject,
    seen,
    may: (tool: string) => tools.has(tool),
    now: world.clock.now(),
  }
}

function notePlan(notes: Notes, { summary, confidence, steps }: Plan) {
  const count = steps.length === 1 ? '1 step' : `${steps.length} steps`
  notes.trace.push({
    type: 'planned',
    message: `Planned ${count}, confidence ${confidence}: ${summary}`,
    data: { steps: steps.length, confidence },
  })
  decide(notes, {
    decisionType: 'plan',
    reasoning: summary,
    action: { steps } as never, // the output stands in the plan
    confidence,
  })
}

function noteRefusal(notes: Notes, { problem, refused }: Invalid) {
  const type = refused.length > 0 ? 'refused' : 'answer_invalid'
  notes.trace.push({
    type,
    message: `The model's answer was refused: ${problem}`.slice(0, 2000),
    ...(refused.length > 0 ? { data: { refused } } : {}),
  })
}
