import { z } from 'zod'
import type { AgentType, LookUp, Observation } from '#agents/define.ts'
import { agentOf } from '#agents/index.ts'
import type { Json, JsonObject } from '#skills/define.ts'
import { type Toolbox, toolsOf } from '../tools.ts'
import { ModelError, type Tool, ToolError, type World } from '../world.ts'
import { type Stop, Stopped, TaskFailed, TimedOut, TryAgain, within } from './failure.ts'
import { answerSchema, planningPrompt } from './prompt.ts'
import type { Plan, PlanningTask } from './schema.ts'
import { checkSteps, inputErrors } from './steps.ts'
import { decide, type Notes, write } from './write.ts'

const ROUNDS = 4
const OBSERVATION_LIMIT = 20_000 // characters of one look-up's output that the model is shown

const lookUpShape = z.object({ tool: z.string(), input: z.record(z.string(), z.json()).default({}), why: z.string().default('') })

const answerShape = z.union([
  z.object({ lookUps: z.array(lookUpShape).min(1).max(8) }),
  z.object({
    summary: z.string().min(1).max(4000),
    confidence: z.number().min(0).max(1),
    output: z.record(z.string(), z.json()).nullish(),
    steps: z
      .array(
        z.object({
          tool: z.string(),
          input: z.record(z.string(), z.json()),
          why: z.string().max(4000),
          basedOn: z.array(z.string().max(4000)).max(50).nullish(),
          notBefore: z.iso.datetime({ offset: true }).nullish(),
        }),
      )
      .max(50),
  }),
])

type Answer = { lookUps: LookUp[] } | { plan: Plan }
type Invalid = { problem: string; refused: string[] }

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

function readAnswer(text: string, tools: Toolbox, skillId: string | null, mayLookUp: boolean): Answer | Invalid {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return { problem: `it is no JSON (${(error as Error).message})`, refused: [] }
  }
  const parsed = answerShape.safeParse(json)
  if (!parsed.success) return { problem: problemOf(json, parsed.error), refused: [] }
  if ('lookUps' in parsed.data) {
    if (!mayLookUp) return { problem: 'no more look-ups: answer with a plan', refused: [] }
    return { lookUps: parsed.data.lookUps as LookUp[] }
  }
  const { summary, confidence, output, steps } = parsed.data
  const plan: Plan = {
    summary,
    confidence,
    ...(output ? { output: output as JsonObject } : {}),
    steps: steps.map(({ tool, input, why, basedOn, notBefore }, index) => ({
      index,
      tool,
      input: input as JsonObject,
      why,
      ...(basedOn ? { basedOn } : {}),
      ...(notBefore ? { notBefore } : {}),
    })),
  }
  const { errors, refused } = checkSteps(plan.steps, tools, skillId)
  if (errors.length === 0) return { plan }
  return { problem: errors.map(({ path, message }) => `${path}: ${message}`).join('; '), refused }
}

/** The complaint about the form that the answer seems to have meant. */
function problemOf(json: unknown, error: z.ZodError) {
  const issue = error.issues[0]
  const meantLookUps = typeof json === 'object' && json !== null && 'lookUps' in json
  const branch = issue?.code === 'invalid_union' ? issue.errors[meantLookUps ? 0 : 1] : error.issues
  return (branch ?? error.issues).map(({ path, message }) => `${path.join('.') || 'the answer'}: ${message}`).join('; ')
}

async function lookUpOne(
  world: World,
  task: PlanningTask,
  tools: Toolbox,
  lookUp: LookUp,
  notes: Notes,
  stop: Stop,
): Promise<Observation> {
  const tool = tools.get(lookUp.tool)
  const startedAt = performance.now()
  const result =
    tool && !tool.sideEffects
      ? await tryTool(world, task, tool, lookUp, stop)
      : { error: 'refused: not one of the tools to look things up with' }
  const refused = !tool || tool.sideEffects
  const ms = Math.round(performance.now() - startedAt)
  const message = 'error' in result ? `Looked up ${lookUp.tool}: ${result.error}` : `Looked up ${lookUp.tool}`
  notes.trace.push({ type: refused ? 'refused' : 'looked_up', message, data: { tool: lookUp.tool, ms } })
  decide(notes, {
    decisionType: 'tool_call',
    reasoning: lookUp.why,
    action: { tool: lookUp.tool, input: lookUp.input },
    result: result as JsonObject,
  })
  return { ...lookUp, ...result }
}

async function tryTool(
  world: World,
  task: PlanningTask,
  tool: Tool,
  { input }: LookUp,
  stop: Stop,
): Promise<{ output: JsonObject } | { error: string }> {
  const wrong = inputErrors(tool, input)
  if (wrong.length > 0) return { error: wrong.map(({ path, message }) => `input${path}: ${message}`).join('; ') }
  const { orgId, id: taskId, agentType } = task
  try {
    const { output } = await within(world.settings.toolTimeoutMs, stop.now, (signal) =>
      tool.call(input, { orgId, taskId, agentType, signal, now: world.clock.now(), idempotencyKey: `${taskId}:look-up` }),
    )
    return { output: shown(output) }
  } catch (error) {
    if (error instanceof Stopped) throw error
    if (!(error instanceof ToolError || error instanceof TimedOut)) {
      world.log.warn({ taskId, tool: tool.name, error: String(error) }, 'a look-up threw')
    }
    return { error: (error as Error).message } // the plan goes on with what is left
  }
}

function shown(output: Json): JsonObject {
  const whole = typeof output === 'object' && output !== null && !Array.isArray(output) ? output : { value: output }
  const text = JSON.stringify(whole)
  return text.length <= OBSERVATION_LIMIT ? whole : { cutOff: text.slice(0, OBSERVATION_LIMIT), length: text.length }
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

function notePlan(notes: Notes, { summary, confidence, output, steps }: Plan) {
  const count = steps.length === 1 ? '1 step' : `${steps.length} steps`
  notes.trace.push({
    type: 'planned',
    message: `Planned ${count}, confidence ${confidence}: ${summary}`,
    data: { steps: steps.length, confidence },
  })
  decide(notes, {
    decisionType: 'plan',
    reasoning: summary,
    action: { steps, ...(output ? { output } : {}) } as never,
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

// A schema is made once per set of tools; sets are shared between tasks (see toolsOf).
const schemas = new WeakMap<Toolbox, Map<string, ReturnType<typeof answerSchema>>>()

function schemaFor(tools: Toolbox, skillId: string | null, mayLookUp: boolean) {
  const known = schemas.get(tools) ?? new Map()
  schemas.set(tools, known)
  const key = `${mayLookUp} ${skillId ?? ''}`
  const schema = known.get(key) ?? answerSchema(tools, skillId, mayLookUp)
  known.set(key, schema)
  return schema
}
