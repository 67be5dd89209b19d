import { expect, test } from 'vitest'
import { act } from '../../test/support/rehearse.ts'
import { hideContent } from './hide-content.ts'

test('the order to hide goes to the channel moderation with its reason and evidence', () => {
  const input = { contentId: 'c_81', excerpt: 'free bitcoin', reason: 'Severity 4 of 5: scam', evidence: ['free bitcoin'] }
  expect(act(hideContent, input)).toEqual({
    output: { action: 'hide', contentId: 'c_81' },
    deliveries: [{ channel: 'moderation', payload: { action: 'hide', ...input } }],
  })
})

test('without an id the content is named by its words, which are required', () => {
  expect(act(hideContent, { excerpt: 'free bitcoin', reason: 'Scam' }).output).toEqual({ action: 'hide', contentId: null })
  expect(() => act(hideContent, { contentId: 'c_81', reason: 'Scam' })).toThrow()
})
