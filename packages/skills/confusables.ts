/** Letters of other alphabets that pass for Latin ones, after lower-casing; the everyday part of Unicode TS 39's table. */
const LOOKALIKES: Record<string, string> = Object.fromEntries(
  `аa вb еe кk мm нh оo рp сc тt уy хx іi јj ѕs ԁd һh ӏl ԛq ԝw ѵv пn αa βb εe ηn ιi κk νv οo ρp τt υu χx ωw γy ɡg ıi ɑa ʟl ɩi ʀr øo łl đd`
    .split(' ')
    .map((pair) => [...pair] as [string, string]),
)

/** Digits and signs that are read as letters: `fr33 m0n3y`. A 1 is read as i or as l, so a text is folded once for each. */
const LEET: Record<string, string> = { '0': 'o', '3': 'e', '4': 'a', '5': 's', '7': 't', '8': 'b', '@': 'a', $: 's', '€': 'e' }

export type Reading = 'letters' | 'one is i' | 'one is l'

/** Invisible characters that split a word without showing: soft hyphen, zero-width space and joiners, direction marks. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u

/**
 * The text as a reader takes it in: lower-case, without accents, look-alikes as Latin letters, all signs as spaces; `at` maps each
 * unit to its place in the original.
 */
export function fold(text: string, reading: Reading): { text: string; at: number[] } {
  const at: number[] = []
  let folded = ''
  let index = 0
  for (const character of text) {
    const plain = INVISIBLE.test(character)
      ? ''
      : character.normalize('NFKC').toLowerCase().normalize('NFD').replace(/\p{M}/gu, '')
    for (const letter of plain) {
      const read = reading === 'letters' ? letter : '1!|'.includes(letter) ? reading.slice(-1) : (LEET[letter] ?? letter)
      const latin = /[\p{L}\p{N}]/u.test(read) ? (LOOKALIKES[read] ?? read) : ' '
      folded += latin
      for (let unit = 0; unit < latin.length; unit++) at.push(index)
    }
    index += character.length
  }
  at.push(text.length)
  return { text: folded, at }
}
