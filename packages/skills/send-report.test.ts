import { expect, test } from 'vitest'
import { act } from '../../test/support/rehearse.ts'
import { sendReport } from './send-report.ts'

const report = { to: 'team@example.org', subject: 'Weekly report', markdown: '# Week\n\n| Tasks | 50 |' }

test('a report goes to the channel `reports` as it stands', () => {
  expect(act(sendReport, report)).toEqual({
    output: { to: 'team@example.org', accepted: true },
    deliveries: [{ channel: 'reports', payload: report }],
  })
})

test('an empty report and an overlong one are refused', () => {
  expect(() => act(sendReport, { ...report, markdown: '' })).toThrow()
  expect(() => act(sendReport, { ...report, markdown: 'x'.repeat(50_001) })).toThrow()
})
