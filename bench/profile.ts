import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Postgres } from './database.ts'
import { throughput } from './measure.ts'
import { over, TASKS, WARM_UP } from './repeat.ts'
import { noSteps } from './work.ts'

const WARM_TASKS = 4_000
const SHOWN = 40

type Frame = { functionName: string; url: string; lineNumber: number }
type CpuProfile = {
  nodes: { id: number; callFrame: Frame; children?: number[] }[]
  samples: number[]
  timeDeltas: number[]
  startTime: number
}
type Span = { from: number; to: number; tasks: number }

const now = () => Number(process.hrtime.bigint() / 1000n) // microseconds of the clock that V8 stamps its samples with

/** Where the server's main thread spends its time on a task without steps: by package and by function, young and warm. */
export async function profile(postgres: Postgres, folder: string): Promise<string> {
  const floor = await profileOf(postgres, folder, 'floor', 'bench/floor.ts')
  const ours = await profileOf(postgres, folder, 'ours', 'functions/local.ts')
  return `${floor}\n\n${ours}`
}

async function profileOf(postgres: Postgres, folder: string, name: string, file: string): Promise<string> {
  const place = join(folder, name)
  mkdirSync(place)
  const flags = ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', place]
  const spans = await over(
    postgres,
    `profiled_${name}`,
    file,
    { AI_PROVIDER: 'builtin' },
    async (subject) => {
      await throughput(subject, noSteps, WARM_UP)
      const spanOf = async (tasks: number): Promise<Span> => {
        const from = now()
        await throughput(subject, noSteps, tasks)
        return { from, to: now(), tasks }
      }
      return [await spanOf(TASKS), await spanOf(WARM_TASKS)]
    },
    flags,
  )
  const [written] = readdirSync(place).filter((entry) => entry.endsWith('.cpuprofile'))
  const recorded = JSON.parse(readFileSync(join(place, written ?? ''), 'utf8')) as CpuProfile
  return spans.map((span) => `${name}: ${tables(recorded, span)}`).join('\n\n')
}

function tables(recorded: CpuProfile, span: Span) {
  const frames = new Map(recorded.nodes.map(({ id, callFrame }) => [id, callFrame]))
  const byPlace = new Map<string, number>()
  const byFunction = new Map<string, number>()
  const byOwn = new Map<string, number>()
  const parents = new Map(recorded.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  let at = recorded.startTime
  recorded.samples.forEach((id, index) => {
    const spent = recorded.timeDeltas[index] ?? 0
    at += spent
    const frame = frames.get(id)
    if (!frame || at < span.from || at > span.to || frame.functionName === '(idle)') return
    add(byPlace, placeOf(frame), spent)
    add(byOwn, ownerOf(id), spent)
    add(byFunction, nameOf(frame), spent)
  })

  /** The function of ours that asked for it. What runs from the event loop is nobody's. */
  function ownerOf(id: number) {
    for (let node: number | undefined = id; node !== undefined; node = parents.get(node)) {
      const frame = frames.get(node)
      if (frame?.url.startsWith('file:') && !frame.url.includes('node_modules')) return nameOf(frame)
    }
    return '(Node itself)'
  }

  const list = (sums: Map<string, number>) =>
    [...sums]
      .sort(([, a], [, b]) => b - a)
      .slice(0, SHOWN)
      .map(([name, spent]) => `${(spent / span.tasks).toFixed(1).padStart(8)}  ${name}`)
      .join('\n')
  const total = [...byPlace.values()].reduce((sum, spent) => sum + spent, 0)
  return `${span.tasks} tasks, microseconds of the main thread per task, ${(total / span.tasks).toFixed(0)} in all
by place
${list(byPlace)}
by our function, with all that it calls outside our code
${list(byOwn)}
by function
${list(byFunction)}`
}

const nameOf = (frame: Frame) => `${frame.functionName || '(anonymous)'} ${shortUrl(frame)}:${frame.lineNumber + 1}`

const add = (sums: Map<string, number>, name: string, spent: number) => sums.set(name, (sums.get(name) ?? 0) + spent)

function placeOf({ url, functionName }: Frame) {
  const parcel = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  if (parcel) return parcel
  if (url.startsWith('node:')) return url
  if (url.startsWith('file:')) return shortUrl({ url }).split('/').slice(0, 3).join('/')
  return functionName || url || '(unknown)'
}

const shortUrl = ({ url }: Pick<Frame, 'url'>) => url.replace(/^file:\/\/.*?\/(packages|functions|node_modules|prisma)\//, '$1/')
