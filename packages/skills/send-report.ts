import { z } from 'zod'
import { defineEffectSkill } from './define.ts'

export const sendReport = defineEffectSkill({
  id: 'send_report',
  name: 'Send a report',
  description:
    'Hands a finished report, Markdown of at most 50,000 characters, for one recipient (an e-mail address or the name of a chat channel) to the outbox channel `reports`, from which the connected mailer (or a person) sends it. The text is sent as it stands.',
  input: z.strictObject({
    to: z.string().min(1).max(320),
    subject: z.string().min(1).max(200),
    markdown: z.string().min(1).max(50_000),
  }),
  output: z.strictObject({ to: z.string(), accepted: z.boolean() }),
  effect: (input) => ({
    output: { to: input.to, accepted: true },
    deliveries: [{ channel: 'reports', payload: input }],
  }),
})
