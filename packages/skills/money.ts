import { z } from 'zod'

const codes = new Set(Intl.supportedValuesOf('currency'))

/** An ISO 4217 code in capitals. */
export const currency = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .refine((code) => codes.has(code), 'not an ISO 4217 currency')

/** Money in the currency's minor unit (cents of EUR, whole JPY). The bound keeps sums over every list exact. */
export const amountMinor = z.int().min(0).max(100_000_000_000)

/** `EUR 1,500.00`, `JPY 150,000`: the code, then the amount with as many decimals as the currency has. */
export function money(minor: number, code: string): string {
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency: code }).resolvedOptions().maximumFractionDigits ?? 2
  const amount = new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return `${code} ${amount.format(minor / 10 ** digits)}`
}
