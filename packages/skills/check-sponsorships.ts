import { z } from 'zod'
import { defineReadSkill } from './define.ts'
import { amountMinor, currency } from './money.ts'

const DAY_MS = 86_400_000
const day = z.union([z.iso.date(), z.iso.datetime({ offset: true })])
const name = z.string().min(1).max(200)

/** Strict: a misspelt `paidAt` must not make a paid invoice overdue. */
export const deal = z.strictObject({
  id: z.string().min(1).max(100),
  sponsor: name,
  contact: z.string().min(1).max(320).optional(),
  amountMinor,
  currency,
  views: z.int().min(0).max(1e12).optional(),
  deliverables: z
    .array(z.strictObject({ name, due: day, deliveredAt: day.optional() }))
    .max(50)
    .default([]),
  invoices: z
    .array(z.strictObject({ number: z.string().min(1).max(64), amountMinor, due: day, paidAt: day.optional() }))
    .max(50)
    .default([]),
})
type Deal = z.output<typeof deal>

export const MOST_DEALS = 200

const deliverable = z.strictObject({ dealId: z.string(), sponsor: z.string(), name: z.string(), due: z.string(), days: z.int() })

const invoice = z.strictObject({
  dealId: z.string(),
  sponsor: z.string(),
  number: z.string(),
  amountMinor: z.int(),
  currency: z.string(),
  contact: z.string().optional(),
  due: z.string(),
  days: z.int(),
})

export const checkSponsorships = defineReadSkill({
  id: 'check_sponsorships',
  name: 'Check sponsorships',
  description:
    "Says what of the given deals is due within `withinDays` (14) and what is overdue at `at` (default: now), deliverables and unpaid invoices alike; sums each currency on its own, with no exchange; and gives each deal's effective rate per thousand views where views are known. Amounts are integers in the minor unit of an ISO 4217 currency (cents of EUR, whole JPY), an invoice's being that of its deal; a date without a time is due until the end of that day in UTC. `days` counts begun days until due, or overdue. Everything comes from the input.",
  input: z.strictObject({
    deals: z.array(deal).min(1).max(MOST_DEALS),
    at: z.iso.datetime({ offset: true }).optional(),
    withinDays: z.int().min(1).max(365).default(14),
  }),
  output: z.strictObject({
    at: z.string(),
    dueDeliverables: z.array(deliverable),
    overdueDeliverables: z.array(deliverable),
    dueInvoices: z.array(invoice),
    overdueInvoices: z.array(invoice),
    totals: z.array(
      z.strictObject({
        currency: z.string(),
        agreedMinor: z.int(),
        invoicedMinor: z.int(),
        paidMinor: z.int(),
        openMinor: z.int(),
        overdueMinor: z.int(),
      }),
    ),
    rates: z.array(
      z.strictObject({ dealId: z.string(), currency: z.string(), views: z.int(), minorPerThousandViews: z.number() }),
    ),
  }),
  run({ deals, at: given, withinDays }, { now }) {
    const at = given ? Date.parse(given) : now.getTime()
    const undelivered = deals.flatMap(({ id, sponsor, deliverables }) =>
      deliverables.filter((d) => !d.deliveredAt).map((d) => ({ dealId: id, sponsor, name: d.name, ...deadline(d.due, at) })),
    )
    const unpaid = deals.flatMap(({ id, sponsor, contact, currency, invoices }) =>
      invoices
        .filter((i) => !i.paidAt)
        .map(({ number, amountMinor, due }) => {
          return { dealId: id, sponsor, ...(contact && { contact }), number, amountMinor, currency, ...deadline(due, at) }
        }),
    )
    return {
      at: new Date(at).toISOString(),
      dueDeliverables: soon(undelivered, withinDays),
      overdueDeliverables: overdue(undelivered),
      dueInvoices: soon(unpaid, withinDays),
      overdueInvoices: overdue(unpaid),
      totals: [...Map.groupBy(deals, (d) => d.currency)].map(([currency, own]) => totals(currency, own, at)),
      rates: deals.flatMap(({ id, amountMinor, currency, views }) =>
        views ? [{ dealId: id, currency, views, minorPerThousandViews: Math.round((amountMinor / views) * 100_000) / 100 }] : [],
      ),
    }
  },
})

/** `late` is the time since the deadline in milliseconds, negative before it; `days` the same in begun days, without sign. */
export function deadline(due: string, at: number) {
  const end = due.length === 10 ? Date.parse(due) + DAY_MS - 1 : Date.parse(due)
  return { due, days: Math.ceil(Math.abs(at - end) / DAY_MS), late: at - end }
}

type Dated = { days: number; late: number }
const bare = <T extends Dated>({ late: _, ...rest }: T) => rest
const overdue = <T extends Dated>(all: T[]) =>
  all
    .filter((x) => x.late > 0)
    .sort((a, b) => b.late - a.late)
    .map(bare)
const soon = <T extends Dated>(all: T[], withinDays: number) =>
  all
    .filter((x) => x.late <= 0 && x.days <= withinDays)
    .sort((a, b) => b.late - a.late)
    .map(bare)

function totals(currency: string, deals: Deal[], at: number) {
  const invoices = deals.flatMap((d) => d.invoices)
  const sum = (amounts: { amountMinor: number }[]) => amounts.reduce((total, { amountMinor }) => total + amountMinor, 0)
  const unpaid = invoices.filter((i) => !i.paidAt)
  return {
    currency,
    agreedMinor: sum(deals),
    invoicedMinor: sum(invoices),
    paidMinor: sum(invoices.filter((i) => i.paidAt)),
    openMinor: sum(unpaid),
    overdueMinor: sum(unpaid.filter((i) => deadline(i.due, at).late > 0)),
  }
}
