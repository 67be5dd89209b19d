import { z } from 'zod'
import type { AgentType, Observation, PlanDraft } from '#agents/define.ts'
import type { Effect, JsonObject, Skill, SkillContext } from '#skills/define.ts'

/** For tests: the moment that rehearsals take for the present, a Wednesday. */
export const NOW = new Date('2026-03-18T09:30:00.000Z')

const context: SkillContext = {
  orgId: 'local',
  taskId: 'rehearsal',
  agentType: 'analytics',
  now: NOW,
  signal: new AbortController().signal,
  taskFigures: async () => ({
    total: 0,
    byStatus: {},
    byAgent: [],
    failures: [],
    approvals: { pending: 0, approved: 0, rejected: 0, expired: 0, medianWaitMs: null },
  }),
}

// biome-ignore lint/suspicious/noExplicitAny: a test reads freely in what has just been validated
type Answer = any

/** For tests: what a read skill answers, its input and output held to its own schemas. */
export async function look(skill: Skill, input: object, known: Partial<SkillContext> = {}): Promise<Answer> {
  if (skill.sideEffects) throw new Error(`${skill.id} has side effects`)
  return skill.output.parse(await skill.run(skill.input.parse(input), { ...context, ...known }))
}

/** For tests: what an effect skill asks to be written, its input and output held to its own schemas. */
export function act(skill: Skill, input: object): Effect<Answer> {
  if (!skill.sideEffects) throw new Error(`${skill.id} has no side effects`)
  const effect = skill.effect(skill.input.parse(input), context)
  return { ...effect, output: skill.output.parse(effect.output) }
}

/** For tests: the plan of an agent's playbook after its look-ups, with every step's input held to its skill's schema. */
export async function planned(
  agent: AgentType,
  skills: readonly Skill[],
  task: { title?: string; taskType?: string; input?: object },
  {
    options = {},
    allowed = agent.skills,
    known = {},
  }: { options?: JsonObject; allowed?: string[]; known?: Partial<SkillContext> } = {},
): Promise<PlanDraft & { seen: Observation[] }> {
  const seen: Observation[] = []
  const skillOf = (id: string) => {
    const skill = skills.find((s) => s.id === id && allowed.includes(id))
    if (!skill) throw new Error(`${id} is not allowed`)
    return skill
  }
  for (let round = 0; round < 3; round++) {
    const move = agent.playbook({
      task: { title: 'A task', taskType: 'general', ...task, input: (task.input ?? {}) as JsonObject },
      options,
      seen,
      may: (tool) => allowed.includes(tool),
      now: NOW,
    })
    if ('steps' in move) {
      // what is undefined or not finite would not survive the column
      z.json().parse(move)
      for (const step of move.steps) act(skillOf(step.tool), step.input)
      return { ...move, seen }
    }
    for (const lookUp of move.lookUps) {
      const answer = await look(skillOf(lookUp.tool), lookUp.input, known).then(
        (output) => ({ output }),
        (error: Error) => ({ error: error.message }),
      )
      seen.push({ ...lookUp, ...answer })
    }
  }
  throw new Error(`The playbook of ${agent.type} does not come to a plan`)
}
