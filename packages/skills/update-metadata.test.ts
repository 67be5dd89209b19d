import { expect, test } from 'vitest'
import { act } from '../../test/support/rehearse.ts'
import { updateMetadata } from './update-metadata.ts'

test('what is to change goes to the channel `catalogue`', () => {
  const change = { contentId: 'vid_42', title: 'Cold brew at home', tags: [] }
  expect(act(updateMetadata, change)).toEqual({
    output: { changed: ['title', 'tags'], accepted: true },
    deliveries: [{ channel: 'catalogue', payload: change }],
  })
})

test('an update of nothing, and one of no item, are refused', () => {
  expect(() => act(updateMetadata, { contentId: 'vid_42' })).toThrow('nothing to change')
  expect(() => act(updateMetadata, { title: 'Cold brew at home' })).toThrow('name the item')
})
