import { fold, type Reading } from './confusables.ts'

export type TermMatch = { term: string; start: number; end: number; disguised: boolean }

const READINGS: Reading[] = ['letters', 'one is i', 'one is l']

/**
 * Where a text holds one of the terms as whole words, also with look-alike letters, digits for letters, letters drawn out
 * (`freee`) or spaced out (`f r e e`). A number alone is never a word, and a term within a longer word is none.
 */
export function findTerms(text: string, terms: readonly string[]): TermMatch[] {
  const found = new Map<string, TermMatch>()
  const plain = text.toLowerCase()
  for (const reading of READINGS) {
    const folded = fold(text, reading)
    const outline = outlineOf(folded.text)
    for (const term of terms) {
      const word = fold(term, reading).text.trim()
      // Most terms are in no text at all: a pattern for each would cost more than all the rest.
      const pattern = word && outline.includes(outlineOf(word)) ? patternOf(word) : null
      for (const match of pattern ? folded.text.matchAll(pattern) : []) {
        const start = folded.at[match.index] as number
        // Up to where the next character begins, so that an accent or a pair of surrogates is quoted whole.
        const end = folded.at[match.index + match[0].length] as number
        const quoted = text.slice(start, end)
        const key = `${start} ${term.toLowerCase()}`
        if (/\p{L}/u.test(quoted) && !found.has(key))
          found.set(key, { term, start, end, disguised: plain.slice(start, end).trimEnd() !== term.toLowerCase().trim() })
      }
    }
  }
  return [...found.values()].sort((a, b) => a.start - b.start || b.end - a.end)
}

/** The letters without gaps and each run of the same letter once: what a term and all its disguises have in common. */
const outlineOf = (folded: string) => folded.replaceAll(' ', '').replace(/(.)\1+/gu, '$1')

/** Every repetition is of one letter or bounded, so that matching takes time linear in the text. */
function patternOf(word: string): RegExp {
  const words = word.split(/ +/)
  const gap = ' {1,4}'
  const drawnOut = (run: string) => `${String.fromCodePoint(run.codePointAt(0) as number)}{${[...run].length},}`
  const joined = words.map((one) => one.replace(/(.)\1*/gu, drawnOut)).join(gap)
  // Two letters spaced out (`a s`) are more often two words than one in disguise.
  const letters = words.flatMap((one) => [...one])
  const spaced = letters.length > 2 ? `|${letters.join(gap)}` : ''
  return new RegExp(`(?<![^ ])(?:${joined}${spaced})(?![^ ])`, 'gu')
}
