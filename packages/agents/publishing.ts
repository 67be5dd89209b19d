import { z } from 'zod'
import { defineAgent } from './define.ts'

const PLATFORMS = ['youtube', 'tiktok', 'instagram', 'x', 'linkedin']

export const publishing = defineAgent({
  type: 'publishing',
  name: 'Publishing',
  purpose: 'Schedule and publish content',
  autonomyLevel: 'copilot',
  skills: ['publish_post', 'create_task'],
  prompt:
    'You schedule and publish content. Publish exactly the text you were given unless the task asks for another; say when a step should not run before a certain time.',
  options: { defaultPlatform: z.enum(['youtube', 'tiktok', 'instagram', 'x', 'linkedin']).optional() },
  playbook({ task, options, may }) {
    const text = typeof task.input.text === 'string' ? task.input.text : task.title
    const platform = [task.input.platform, options.defaultPlatform, 'x'].find((p) => PLATFORMS.includes(p as string)) as string
    if (!may('publish_post'))
      return { summary: 'Nothing to do: publish_post is not allowed', confidence: 1, output: {}, steps: [] }
    return {
      summary: `Publish one post on ${platform}`,
      confidence: 0.9,
      steps: [{ tool: 'publish_post', input: { platform, text }, why: 'The task asks for this post', basedOn: ['task.input'] }],
    }
  },
})
