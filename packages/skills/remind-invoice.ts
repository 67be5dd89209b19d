import { z } from 'zod'
import { defineEffectSkill } from './define.ts'
import { amountMinor, currency, money } from './money.ts'

export const remindInvoice = defineEffectSkill({
  id: 'remind_invoice',
  name: 'Remind of an invoice',
  description:
    'Hands one payment reminder, at most 4,000 characters, to the outbox channel `invoices`, from which the connected accounting (or a person) sends it to the sponsor. The invoice is named by its number; the amount is an integer in the minor unit of an ISO 4217 currency (cents of EUR, whole JPY). The text is sent as it stands.',
  input: z.strictObject({
    number: z.string().min(1).max(64),
    sponsor: z.string().min(1).max(200).optional(),
    to: z.string().min(1).max(320).optional(),
    amountMinor: amountMinor.optional(),
    currency: currency.optional(),
    due: z.union([z.iso.date(), z.iso.datetime({ offset: true })]).optional(),
    text: z.string().min(1).max(4_000),
  }),
  output: z.strictObject({ number: z.string(), accepted: z.boolean() }),
  effect: (input) => ({
    output: { number: input.number, accepted: true },
    deliveries: [{ channel: 'invoices', payload: input }],
  }),
})

type Invoice = { number: string; sponsor?: string; amountMinor?: number; currency?: string; due?: string }

/** A polite reminder of what is known of an invoice, firmer after 30 days overdue. */
export function reminderText({ number, sponsor, amountMinor, currency, due }: Invoice, days: number, signature: string): string {
  const over = amountMinor !== undefined && currency ? ` over ${money(amountMinor, currency)}` : ''
  const since = days > 0 ? `was due on ${due?.slice(0, 10)} and is ${days} ${days === 1 ? 'day' : 'days'} overdue` : null
  const state = since ?? (due ? `is due on ${due.slice(0, 10)}` : 'is still open')
  const ask = days > 30 ? 'Please arrange the payment within 7 days' : 'Please arrange the payment'
  const request = `our invoice ${number}${over} ${state}. ${ask}, or tell us if it has been paid or something is in the way.`
  return `Hello${sponsor ? ` ${sponsor}` : ''},\n\n${request}\n\nKind regards${signature && `\n${signature}`}`
}
