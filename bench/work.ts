import type { Connection } from './connection.ts'

/** What is posted, and what must be set before. */
export type Work = { name: string; task(nth: number, priority?: number): string; prepare?(connection: Connection): Promise<void> }

const views = [120, 132, 101, 134, 90, 230, 210, 182, 191, 234, 290, 330, 310, 123, 142]

/** A look-up, a plan without steps. */
export const noSteps: Work = {
  name: 'no steps',
  task: (nth, priority = 5) =>
    JSON.stringify({
      agentType: 'analytics',
      title: `Bench ${nth}`,
      taskType: 'summary',
      input: { metrics: { views, likes: [12, 14, 9, 22, 31] } },
      priority,
    }),
}

/** A plan with one step, which writes a delivery into the outbox. */
export const oneStep: Work = {
  name: 'one step',
  task: (nth, priority = 5) =>
    JSON.stringify({
      agentType: 'publishing',
      title: `Bench ${nth}`,
      taskType: 'post',
      input: { platform: 'x', text: `Post number ${nth} of the bench` },
      priority,
    }),
  async prepare(connection) {
    const { status, text } = await connection.ask('PUT', '/api/v1/agents/publishing', '{"autonomyLevel":"autopilot"}')
    if (status !== 200) throw new Error(`the agent could not be set to autopilot: ${status} ${text}`)
  },
}
