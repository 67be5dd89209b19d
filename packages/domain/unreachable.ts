/** Whether an error means that the database cannot be reached, rather than that it refused a statement. */
export function isUnreachable(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string }
  if (/^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOST|ENET|57P0|08|53300|3D000|55000|57014|55P03|25P0|P1001|P1017)/.test(code))
    return true
  return /Connection terminated|timeout exceeded when trying to connect|Query read timeout|connection is insecure|server closed the connection|not queryable/i.test(
    message,
  )
}

/** Whether it failed before anything was sent: then it did nothing, and may be repeated. */
export const wasNeverSent = (error: unknown): boolean => (error as { neverSent?: boolean }).neverSent === true
