import { expect, test } from 'vitest'
import { act } from '../../test/support/rehearse.ts'
import { warnUser } from './warn-user.ts'

test('a warning goes to the channel moderation word for word', () => {
  const input = { userId: 'u_7', message: 'Please keep to our rules.', contentId: 'c_81' }
  expect(act(warnUser, input)).toEqual({
    output: { action: 'warn', userId: 'u_7' },
    deliveries: [{ channel: 'moderation', payload: { action: 'warn', ...input } }],
  })
})
