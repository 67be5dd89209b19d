import { expect, test } from 'vitest'
import { act } from '../../test/support/rehearse.ts'
import { sendReply } from './send-reply.ts'

const reply = { messageId: 'c-81', thread: 'video-9', to: 'ana', text: 'Hi ana, part two is out on Friday.' }

test('a reply goes to the channel `replies` as it stands', () => {
  expect(act(sendReply, reply)).toEqual({
    output: { messageId: 'c-81', accepted: true },
    deliveries: [{ channel: 'replies', payload: reply }],
  })
})

test('a reply to nobody is refused', () => {
  expect(() => act(sendReply, { ...reply, to: '' })).toThrow()
})
