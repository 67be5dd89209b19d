import { expect, test } from 'vitest'
import { act } from '../../test/support/rehearse.ts'
import { saveDraft } from './save-draft.ts'

test('a draft goes to the channel drafts, as a caption unless told', () => {
  const { deliveries, output } = act(saveDraft, { platform: 'x', text: 'Bread is back.' })
  expect(deliveries).toEqual([
    { channel: 'drafts', payload: { platform: 'x', kind: 'caption', text: 'Bread is back.', alternatives: [] } },
  ])
  expect(output).toEqual({ platform: 'x', kind: 'caption', text: 'Bread is back.' })
})

test('an empty draft, an endless one and unknown fields are refused', () => {
  for (const input of [{ text: '' }, { text: 'x'.repeat(10_001) }, { text: 'x', publish: true }])
    expect(() => act(saveDraft, { platform: 'x', ...input })).toThrow()
})
