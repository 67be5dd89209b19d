import { expect, test } from 'vitest'
import { currency, money } from './money.ts'

test('writes an amount with the decimals of its currency', () => {
  expect([money(150_000, 'EUR'), money(150_000, 'JPY'), money(1_500, 'KWD')]).toEqual([
    'EUR 1,500.00',
    'JPY 150,000',
    'KWD 1.500',
  ])
})

test('takes ISO 4217 codes only', () => {
  expect(['EUR', 'eur', 'EUX', 'EURO'].map((code) => currency.safeParse(code).success)).toEqual([true, false, false, false])
})
