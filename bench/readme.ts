// npm run bench:readme: puts the figures of the last run (bench/latest.json) into the README.
import { readFileSync, writeFileSync } from 'node:fs'
import { report } from './report.ts'

const README = new URL('../README.md', import.meta.url)
const FIGURES = /(?<=<!-- figures -->\n)[\s\S]*(?=<!-- end of figures -->)/

/** The table of the last run, as the README has it. */
export function figures(): string {
  const results = JSON.parse(readFileSync(new URL('latest.json', import.meta.url), 'utf8'))
  const lines = report(results).split('\n')
  return lines.filter((line) => line.startsWith('|')).join('\n')
}

if (import.meta.main) writeFileSync(README, readFileSync(README, 'utf8').replace(FIGURES, `${figures()}\n`))
