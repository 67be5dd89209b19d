import { checkCaption } from './check-caption.ts'
import { checkSponsorships } from './check-sponsorships.ts'
import { createTask } from './create-task.ts'
import type { Skill } from './define.ts'
import { draftCaptions } from './draft-captions.ts'
import { extractKeywords } from './extract-keywords.ts'
import { findHighlights } from './find-highlights.ts'
import { groupMessages } from './group-messages.ts'
import { hideContent } from './hide-content.ts'
import { publishPost } from './publish-post.ts'
import { rateCard } from './rate-card.ts'
import { remindInvoice } from './remind-invoice.ts'
import { requestClip } from './request-clip.ts'
import { reviewText } from './review-text.ts'
import { saveDraft } from './save-draft.ts'
import { scoreTitle } from './score-title.ts'
import { sendReply } from './send-reply.ts'
import { sendReport } from './send-report.ts'
import { suggestTimes } from './suggest-times.ts'
import { summarizeMetrics } from './summarize-metrics.ts'
import { trendBurst } from './trend-burst.ts'
import { updateMetadata } from './update-metadata.ts'
import { warnUser } from './warn-user.ts'
import { weeklyReport } from './weekly-report.ts'

/** Every built-in skill; a plan names them by id. */
export const skills: readonly Skill[] = [
  createTask,
  // content
  checkCaption,
  draftCaptions,
  saveDraft,
  // clip
  findHighlights,
  requestClip,
  // publishing
  suggestTimes,
  publishPost,
  // moderation
  reviewText,
  hideContent,
  warnUser,
  // analytics
  weeklyReport,
  summarizeMetrics,
  sendReport,
  // growth
  extractKeywords,
  scoreTitle,
  trendBurst,
  updateMetadata,
  // community
  groupMessages,
  sendReply,
  // revenue
  checkSponsorships,
  rateCard,
  remindInvoice,
]
