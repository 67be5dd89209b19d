import { z } from 'zod'
import { defineEffectSkill } from './define.ts'

export const hideContent = defineEffectSkill({
  id: 'hide_content',
  name: 'Hide content',
  description:
    'Hands the order to hide one post or comment to the outbox channel `moderation`, from which the connected platform (or a person) hides it; nothing is deleted. The content is named by `contentId`, or by `excerpt` alone where its id is not known. `reason` and `evidence` (quotes of the text) are kept for an appeal.',
  input: z.strictObject({
    contentId: z.string().min(1).max(200).optional(),
    excerpt: z.string().min(1).max(500),
    reason: z.string().min(1).max(500),
    evidence: z.array(z.string().min(1).max(200)).max(10).default([]),
  }),
  output: z.strictObject({ action: z.literal('hide'), contentId: z.string().nullable() }),
  effect: (input) => ({
    output: { action: 'hide' as const, contentId: input.contentId ?? null },
    deliveries: [{ channel: 'moderation', payload: { action: 'hide', ...input } }],
  }),
})
