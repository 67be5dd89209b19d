import { z } from '@hono/zod-openapi'
import { approve } from '#domain/approvals/approve.ts'
import { getApproval } from '#domain/approvals/get.ts'
import { listApprovals } from '#domain/approvals/list.ts'
import { reject } from '#domain/approvals/reject.ts'
import { APPROVAL_STATUSES } from '#domain/approvals/schema.ts'
import { moment } from '#domain/moment.ts'
import { type Api, endpoint } from '../endpoint.ts'
import { anyJson, idParams, jsonObject, pageOf, paging, text, time } from '../fields.ts'

export const approvalStatus = z.enum(APPROVAL_STATUSES)

const step = z
  .object({
    index: z.int(),
    tool: z.string(),
    input: anyJson,
    why: z.string(),
    basedOn: z.array(z.string()).optional(),
    notBefore: time.optional(),
  })
  .openapi('Step')

export const steps = z.array(step)

const editedStep = z.strictObject({
  index: z.int().min(0).max(10_000).optional().openapi({
    description:
      'Which proposed step it was: what the edit leaves out (why, basedOn) is as proposed. Steps are numbered in their order.',
  }),
  tool: text(200),
  input: jsonObject,
  why: z.string().max(4_000).optional(),
  basedOn: z.array(z.string().max(4_000)).max(50).optional(),
  notBefore: moment.optional(),
})

const approveBody = z
  .strictObject({
    editedAction: z.strictObject({ steps: z.array(editedStep).max(50) }).optional(),
    actionHash: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be the SHA-256, in hex, that the approval showed')
      .optional(),
    note: text(2_000).optional(),
  })
  .openapi('Approve')

const approvalSchema = z
  .object({
    id: z.string(),
    taskId: z.string(),
    orgId: z.string(),
    agentType: z.string(),
    title: z.string(),
    proposedAction: z.object({ steps }),
    editedAction: z.object({ steps }).nullable(),
    actionHash: z.string().openapi({ description: 'SHA-256 over the RFC 8785 form of the steps that hold' }),
    proposedHash: z.string(),
    status: approvalStatus,
    note: z.string().nullable(),
    decidedBy: z.string().nullable().openapi({ description: 'The id of the key that decided' }),
    decidedAt: time.nullable(),
    expiresAt: time,
    createdAt: time,
  })
  .openapi('Approval')

export function approvalRoutes(api: Api) {
  const tag = 'Approvals'
  endpoint(api, {
    method: 'get',
    path: '/api/v1/approvals',
    scope: 'read',
    tag,
    summary: 'List approvals; those that wait unless another status is asked for',
    query: z.strictObject({ status: approvalStatus.default('pending'), ...paging }),
    response: pageOf(approvalSchema),
    handle: async ({ world, caller, query: { status, ...page } }) => ({
      status: 200,
      body: await listApprovals(world, caller.orgId, status, page),
    }),
  })
  endpoint(api, {
    method: 'get',
    path: '/api/v1/approvals/{id}',
    scope: 'read',
    tag,
    summary: 'Get an approval',
    params: idParams,
    response: approvalSchema,
    handle: async ({ world, caller, params }) => ({ status: 200, body: await getApproval(world, caller.orgId, params.id) }),
  })
  endpoint(api, {
    method: 'post',
    path: '/api/v1/approvals/{id}/approve',
    scope: 'approve',
    tag,
    summary: 'Approve, as proposed or with edits',
    description:
      'Exactly the approved steps run, once, or nothing. With `actionHash` the approval holds only for what that hash names. An edit may change inputs, drop, add or reorder steps.',
    params: idParams,
    body: approveBody,
    response: approvalSchema,
    problems: ['approval_decided', 'approval_expired', 'action_changed', 'tools_unavailable'],
    handle: async ({ world, caller, params, body }) => ({
      status: 200,
      body: await approve(world, caller.orgId, params.id, { ...(body as object), decidedBy: caller.keyId ?? undefined }),
    }),
  })
  endpoint(api, {
    method: 'post',
    path: '/api/v1/approvals/{id}/reject',
    scope: 'approve',
    tag,
    summary: 'Reject: nothing runs',
    params: idParams,
    body: z.strictObject({ reason: text(2_000).optional() }),
    response: approvalSchema,
    problems: ['approval_decided', 'approval_expired'],
    handle: async ({ world, caller, params, body }) => ({
      status: 200,
      body: await reject(world, caller.orgId, params.id, { ...body, decidedBy: caller.keyId ?? undefined }),
    }),
  })
}
