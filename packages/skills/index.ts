import { createTask } from './create-task.ts'
import type { Skill } from './define.ts'
import { publishPost } from './publish-post.ts'

/** Every built-in skill; a plan names them by id. */
export const skills: readonly Skill[] = [
  createTask,
  // publishing
  publishPost,
]
