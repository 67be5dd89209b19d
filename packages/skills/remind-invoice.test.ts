import { expect, test } from 'vitest'
import { act } from '../../test/support/rehearse.ts'
import { reminderText, remindInvoice } from './remind-invoice.ts'

const invoice = { number: 'INV-102', sponsor: 'Nordwind Audio', amountMinor: 225_000, currency: 'EUR', due: '2026-03-17' }

test('a reminder goes to the channel `invoices` as it stands', () => {
  const reminder = { ...invoice, text: reminderText(invoice, 1, '') }
  expect(act(remindInvoice, reminder)).toEqual({
    output: { number: 'INV-102', accepted: true },
    deliveries: [{ channel: 'invoices', payload: reminder }],
  })
})

test('its words state number, amount, due date and days, and ask for a week after 30 days', () => {
  const [early, late] = [reminderText(invoice, 1, 'Mia'), reminderText(invoice, 31, '')]
  expect(early).toContain(
    'our invoice INV-102 over EUR 2,250.00 was due on 2026-03-17 and is 1 day overdue. Please arrange the payment, or',
  )
  expect(early).toMatch(/Kind regards\nMia$/)
  expect(late).toContain('31 days overdue. Please arrange the payment within 7 days, or')
})

test('what is not known of an invoice is left out', () => {
  expect(reminderText({ number: '7' }, 0, '')).toContain('Hello,\n\nour invoice 7 is still open. Please')
})
