import { expect, test } from 'vitest'
import { act } from '../../test/support/rehearse.ts'
import { requestClip } from './request-clip.ts'

const clip = { source: 'https://example.com/stream.mp4', start: 61.2, end: 90.5, title: 'The oven explodes' }

test('an order goes to the channel clips, upright unless told', () => {
  expect(act(requestClip, clip)).toEqual({
    output: { source: clip.source, title: clip.title, seconds: 29.3 },
    deliveries: [{ channel: 'clips', payload: { ...clip, aspect: '9:16' } }],
  })
})

test('a clip that does not end after it starts is refused', () => {
  for (const end of [61.2, 10]) expect(() => act(requestClip, { ...clip, end })).toThrow('has to end after it starts')
})
