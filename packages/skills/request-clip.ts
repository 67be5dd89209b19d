import { z } from 'zod'
import { defineEffectSkill } from './define.ts'

export const ASPECTS = ['9:16', '1:1', '4:5', '16:9'] as const

/** A week: longer than any recording, and small enough to catch milliseconds given as seconds. */
export const LAST_SECOND = 604_800

export const requestClip = defineEffectSkill({
  id: 'request_clip',
  name: 'Request a clip',
  description:
    'Hands an order for one clip to the outbox channel `clips`, from which the connected cutter (or a person) takes it: `source` is the URL or the id of the recording, `start` and `end` are seconds from its beginning (start before end), `aspect` is width to height. The source itself is left as it is.',
  input: z
    .strictObject({
      source: z.string().min(1).max(2_000),
      start: z.number().min(0).max(LAST_SECOND),
      end: z.number().min(0).max(LAST_SECOND),
      title: z.string().min(1).max(200),
      aspect: z.enum(ASPECTS).default('9:16'),
    })
    .refine(({ start, end }) => start < end, { path: ['end'], error: 'The clip has to end after it starts' }),
  output: z.strictObject({ source: z.string(), title: z.string(), seconds: z.number() }),
  effect: (input) => ({
    output: { source: input.source, title: input.title, seconds: Math.round((input.end - input.start) * 100) / 100 },
    deliveries: [{ channel: 'clips', payload: input }],
  }),
})
