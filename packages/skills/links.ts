/** Bare domains count as links only under the endings that people really paste: `e.g.this` is no link. */
const ENDINGS =
  'com|org|net|info|biz|io|co|tv|gg|me|ai|app|dev|ly|be|gl|to|xyz|shop|live|link|top|site|online|club|ru|cn|de|fr|es|it|nl|uk|eu|us|ca|au|in|br'
// Every repetition is bounded, so that a hostile text costs no more than its length.
const LINK = new RegExp(
  String.raw`(?<![\p{L}\p{N}@._-])(?:https?:\/\/[^\s<>"']{1,2000}|(?:[a-z0-9](?:[a-z0-9-]{0,62})\.){1,6}(?:${ENDINGS})(?![\p{L}\p{N}@-])(?:[/?#][^\s<>"']{0,2000})?)`,
  'giu',
)

export type Link = { url: string; host: string; index: number }

/** The links of a text, with or without a scheme, in order; punctuation that ends the sentence is no part of them. */
export function linksIn(text: string): Link[] {
  return Array.from(text.matchAll(LINK), (match) => {
    const url = match[0].replace(/[.,;:!?)\]}…]+$/u, '')
    const host = url
      .replace(/^https?:\/\//i, '')
      .replace(/[/?#].*$/s, '')
      .replace(/^.*@/, '')
      .replace(/:\d+$/, '')
    return { url, host: host.toLowerCase(), index: match.index }
  }).filter(({ host }) => host.includes('.'))
}
