export const SCOPES = ['read', 'write', 'approve', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** A key as lists show it; the secret itself is shown once, when it is made. */
export type KeyView = {
  id: string
  orgId: string
  name: string
  prefix: string
  scopes: Scope[]
  createdAt: string
  revokedAt: string | null
}
