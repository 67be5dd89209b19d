import { z } from 'zod'
import { defineEffectSkill } from './define.ts'

export const createTask = defineEffectSkill({
  id: 'create_task',
  name: 'Create a task',
  description:
    'Gives a piece of work to an agent as a task of its own: for what an agent wants beyond its plan. The new task plans for itself and passes the gate of its own agent.',
  input: z.strictObject({
    agentType: z.string().min(1).max(64),
    title: z.string().min(1).max(200),
    taskType: z.string().min(1).max(64),
    input: z.record(z.string(), z.json()).default({}),
    priority: z.int().min(1).max(10).default(5),
  }),
  output: z.strictObject({ agentType: z.string(), title: z.string() }),
  effect: (input) => ({
    output: { agentType: input.agentType, title: input.title },
    tasks: [{ ...input, input: input.input as never }],
  }),
})
