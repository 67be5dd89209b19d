import { linksIn } from './links.ts'

export const PLATFORMS = ['youtube', 'tiktok', 'instagram', 'x', 'linkedin'] as const
export type Platform = (typeof PLATFORMS)[number]

/** The unit in which a platform counts: UTF-8 bytes, Unicode code points, UTF-16 code units, or X's weighted characters. */
export type Unit = 'bytes' | 'characters' | 'utf16' | 'weighted'
export type Limit = { max: number; unit: Unit }

/**
 * What the platforms accept from an ordinary account. Sources: YouTube Data API `videos#snippet` (and its help on hashtags: over
 * 60, all are ignored); TikTok Content Posting API `post_info.title` and its five hashtags since August 2025; Instagram's
 * 2,200 characters and five hashtags since December 2025; X's twitter-text configuration v3; LinkedIn's `commentary`.
 */
export const LIMITS: Record<Platform, { text: Limit; hashtags: number | null; mentions: number | null; forbidden?: RegExp }> = {
  youtube: { text: { max: 5_000, unit: 'bytes' }, hashtags: 60, mentions: null, forbidden: /[<>]/g },
  tiktok: { text: { max: 2_200, unit: 'utf16' }, hashtags: 5, mentions: null },
  instagram: { text: { max: 2_200, unit: 'characters' }, hashtags: 5, mentions: 20 },
  x: { text: { max: 280, unit: 'weighted' }, hashtags: null, mentions: null },
  linkedin: { text: { max: 3_000, unit: 'characters' }, hashtags: null, mentions: null },
}

/** Only YouTube has titles of its own; the others are held to the same. */
export const TITLE_LIMIT: Limit = { max: 100, unit: 'characters' }

export function lengthIn(unit: Unit, text: string): number {
  if (unit === 'bytes') return new TextEncoder().encode(text).length
  if (unit === 'utf16') return text.length
  return unit === 'weighted' ? weightedLength(text) : [...text].length
}

const isLight = (code: number) =>
  code <= 4351 || (code >= 8192 && code <= 8205) || (code >= 8208 && code <= 8223) || (code >= 8242 && code <= 8247)

/** twitter-text v3: a link weighs 23, an emoji 2 whatever it is joined from, most alphabets 1, the rest (as CJK) 2. */
function weightedLength(text: string): number {
  let rest = text.normalize('NFC')
  const links = linksIn(rest)
  for (const link of links.toReversed()) rest = rest.slice(0, link.index) + rest.slice(link.index + link.url.length)
  let weight = links.length * 23
  const plain = rest.replace(/\p{RGI_Emoji}/gv, () => {
    weight += 2
    return ''
  })
  for (const character of plain) weight += isLight(character.codePointAt(0) as number) ? 1 : 2
  return weight
}

/** Hashtags as platforms link them: at least one letter, and not the fragment of a link. */
export const hashtagsIn = (text: string): string[] =>
  Array.from(text.matchAll(/(?<![\p{L}\p{N}_&/])[#＃](?=[\p{N}_]{0,100}\p{L})[\p{L}\p{M}\p{N}_]{1,140}/gu), ([tag]) => tag)

export const mentionsIn = (text: string): string[] =>
  Array.from(text.matchAll(/(?<![\p{L}\p{N}_.@/])@[\p{L}\p{N}_.]{1,64}/gu), ([name]) => name)
