import { z } from 'zod'
import { defineEffectSkill } from './define.ts'

export const warnUser = defineEffectSkill({
  id: 'warn_user',
  name: 'Warn a user',
  description:
    'Hands a warning for one user to the outbox channel `moderation`, from which the connected platform (or a person) delivers it. `message` is what the user reads, word for word; `contentId` is the content that it is about.',
  input: z.strictObject({
    userId: z.string().min(1).max(200),
    message: z.string().min(1).max(1_000),
    contentId: z.string().min(1).max(200).optional(),
  }),
  output: z.strictObject({ action: z.literal('warn'), userId: z.string() }),
  effect: (input) => ({
    output: { action: 'warn' as const, userId: input.userId },
    deliveries: [{ channel: 'moderation', payload: { action: 'warn', ...input } }],
  }),
})
