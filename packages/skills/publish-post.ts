import { z } from 'zod'
import { defineEffectSkill } from './define.ts'

export const publishPost = defineEffectSkill({
  id: 'publish_post',
  name: 'Publish a post',
  description:
    'Hands one post for one platform to the outbox channel `publish`, from which the connected publisher (or a person) posts it. The text is posted as it stands.',
  input: z.strictObject({
    platform: z.enum(['youtube', 'tiktok', 'instagram', 'x', 'linkedin']),
    text: z.string().min(1).max(10_000),
    mediaUrl: z.url().max(2_000).optional(),
  }),
  output: z.strictObject({ platform: z.string(), accepted: z.boolean() }),
  effect: (input) => ({
    output: { platform: input.platform, accepted: true },
    deliveries: [{ channel: 'publish', payload: input }],
  }),
})
