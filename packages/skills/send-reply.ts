import { z } from 'zod'
import { defineEffectSkill } from './define.ts'

export const sendReply = defineEffectSkill({
  id: 'send_reply',
  name: 'Send a reply',
  description:
    'Hands a reply to one message, comment or mention, at most 2,000 characters, to the outbox channel `replies`, from which the connected inbox (or a person) sends it. `messageId` and `thread` are the ids of the place that the message came from. The text is sent as it stands.',
  input: z.strictObject({
    messageId: z.string().min(1).max(200),
    thread: z.string().min(1).max(200).optional(),
    to: z.string().min(1).max(200),
    text: z.string().min(1).max(2_000),
  }),
  output: z.strictObject({ messageId: z.string(), accepted: z.boolean() }),
  effect: (input) => ({
    output: { messageId: input.messageId, accepted: true },
    deliveries: [{ channel: 'replies', payload: input }],
  }),
})
