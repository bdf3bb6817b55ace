/** The end of a long id, enough for people to tell a few apart. */
export function shortId(id: string): string {
  return id.length <= 12 ? id : `…${id.slice(-8)}`
}

/** What people call somebody: the petname they gave, else the end of the id. */
export function callName(who: { petname?: string | undefined; person?: string | undefined; device?: string }): string {
  return who.petname ?? (who.person === undefined ? `device ${shortId(who.device ?? '')}` : shortId(who.person))
}

/** Local time of day, with the date when it was not today. */
export function clockTime(at: string, now: Date = new Date()): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return '--:--'
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`
  return date.toDateString() === now.toDateString() ? time : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** A duration for people: 42 s, 5 min, 3 h, 2 days. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`
}
