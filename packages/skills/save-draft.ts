import { z } from 'zod'
import { defineEffectSkill } from './define.ts'
import { PLATFORMS } from './platform-limits.ts'

export const saveDraft = defineEffectSkill({
  id: 'save_draft',
  name: 'Save a draft',
  description:
    'Hands one caption, title or description to the outbox channel `drafts`, from which the connected editor (or a person) takes it up. Nothing is published. `alternatives` are other wordings to choose from. A draft may be longer than the platform accepts: check_caption tells.',
  input: z.strictObject({
    platform: z.enum(PLATFORMS),
    kind: z.enum(['caption', 'title', 'description']).default('caption'),
    text: z.string().min(1).max(10_000),
    alternatives: z.array(z.string().min(1).max(10_000)).max(5).default([]),
  }),
  output: z.strictObject({ platform: z.string(), kind: z.string(), text: z.string() }),
  effect: (input) => ({
    output: { platform: input.platform, kind: input.kind, text: input.text },
    deliveries: [{ channel: 'drafts', payload: input }],
  }),
})
