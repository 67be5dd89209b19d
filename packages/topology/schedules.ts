/** What runs by itself, on every host. */
export const schedules = [
  { name: 'sweep', everySeconds: 60 },
  { name: 'approval-expiry', everySeconds: 60 },
] as const

export type ScheduleName = (typeof schedules)[number]['name']
