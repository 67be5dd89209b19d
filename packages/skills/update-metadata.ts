import { z } from 'zod'
import { defineEffectSkill } from './define.ts'

export const updateMetadata = defineEffectSkill({
  id: 'update_metadata',
  name: 'Update metadata',
  description:
    'Asks, over the outbox channel `catalogue`, for a new title, description or tags of one published item, named by `contentId` or, where there is none, by `currentTitle`. What is left out stays as it is; tags replace the ones there are.',
  input: z
    .strictObject({
      contentId: z.string().min(1).max(200).optional(),
      currentTitle: z.string().min(1).max(200).optional(),
      title: z.string().min(1).max(200).optional(),
      description: z.string().min(1).max(5_000).optional(),
      tags: z.array(z.string().min(1).max(60)).max(30).optional(),
    })
    .refine((input) => input.contentId || input.currentTitle, 'name the item: contentId or currentTitle')
    .refine((input) => input.title || input.description || input.tags, 'nothing to change: title, description or tags'),
  output: z.strictObject({ changed: z.array(z.enum(['title', 'description', 'tags'])), accepted: z.boolean() }),
  effect: (input) => ({
    output: {
      changed: (['title', 'description', 'tags'] as const).filter((field) => input[field] !== undefined),
      accepted: true,
    },
    deliveries: [{ channel: 'catalogue', payload: input }],
  }),
})
