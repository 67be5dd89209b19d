// An Ollama of no delay in a process of its own: every plan it makes has no steps.
import { startOllamaStub } from '../test/support/ollama-stub.ts'

const plan = { summary: 'Summary of two series', confidence: 0.9, output: { summary: 'Views rise, likes hold' }, steps: [] }
const text = JSON.stringify(plan)
await startOllamaStub({ answer: () => ({ pieces: [text] }), port: Number(process.env.PORT) })
process.once('SIGTERM', () => process.exit(0))
