export type PersonalData = { start: number; end: number; reason: string }

/** E-mail addresses, phone and card numbers in a text, where they stand. */
export function findPersonalData(text: string): PersonalData[] {
  const finding = (match: RegExpExecArray, reason: string) => ({ start: match.index, end: match.index + match[0].length, reason })
  const emails = text.matchAll(
    /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,6}\p{L}{2,24}(?![\p{L}\p{N}])/gu,
  )
  const numbers = text.matchAll(/(?<![\p{L}\p{N}.,/#+-])(?:\+|\()?\d(?:[ ()./-]{0,3}\d){6,18}(?![\p{L}\p{N}]|[.,:]\d)/gu)
  return [
    ...Array.from(emails, (match) => finding(match, 'An e-mail address')),
    ...Array.from(numbers).flatMap((match) =>
      isCard(match[0]) ? [finding(match, 'A card number')] : isPhone(match[0]) ? [finding(match, 'A phone number')] : [],
    ),
  ]
}

/** Written as people write phone numbers: with +, a leading 0, or in groups; not a date, an address or a bare figure. */
function isPhone(written: string): boolean {
  const digits = written.replace(/\D/g, '')
  if (/^(?:19|20)\d\d[-./ ]\d\d?[-./ ]\d\d?/.test(written) || /^\d{1,2}[./]\d{1,2}[./](?:19|20)\d\d/.test(written)) return false
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(written) || /^\d{1,3}(?:[ .]000)+$/.test(written) || digits.length > 15) return false
  if (/^\+|^00/.test(written)) return digits.length >= 8
  const grouped = /^\(?\d{2,5}\)?[ ./-]{1,2}\d{2,4}(?:[ .-]\d{2,4}){0,3}$|^\(?0/.test(written)
  return grouped && digits.length >= 9 && digits.length <= 12
}

/** 13 to 19 digits whose check digit (Luhn) is right. */
function isCard(written: string): boolean {
  const digits = written.replace(/\D/g, '')
  if (digits.length < 13 || written.startsWith('+') || /^0/.test(digits)) return false
  const sum = [...digits].reverse().reduce((total, digit, place) => {
    const value = Number(digit) * (place % 2 ? 2 : 1)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return sum % 10 === 0
}
