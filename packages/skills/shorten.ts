const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })

/**
 * The text within `max`, cut after a word and closed with an ellipsis. `length` counts in the unit of the limit; UTF-16 code
 * units, as zod and JavaScript count, unless told. A grapheme is never split: half a surrogate pair is no valid JSON for Postgres.
 */
export function shorten(text: string, max: number, length = (part: string) => part.length): string {
  // A link may weigh less than its letters, so more than `max` is looked at; a text of megabytes still costs little.
  const head = text.slice(0, max * 8).replace(/[\uD800-\uDBFF]$/, '')
  if (head.length === text.length && length(text) <= max) return text
  const ends = Array.from(graphemes.segment(head), ({ index, segment }) => index + segment.length)
  let [fits, over] = [0, ends.length]
  while (fits < over) {
    const middle = Math.ceil((fits + over) / 2)
    if (length(`${head.slice(0, ends[middle - 1])}…`) <= max) fits = middle
    else over = middle - 1
  }
  const cut = head.slice(0, ends[fits - 1] ?? 0)
  const word = /^\s/.test(head.slice(cut.length)) ? cut : cut.replace(/\s\S*$/, '')
  const kept = (word.length > cut.length / 2 ? word : cut).trimEnd().replace(/[,;:–-]+$/, '')
  return length(`${kept}…`) <= max ? `${kept}…` : kept
}
