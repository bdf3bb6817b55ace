import type { DoctorFinding } from '#node/control'

/** Clocks that differ by this much are worth a word, in ms: far above the time a packet needs, far below what hurts. */
const CLOCK_OFF_MS = 120_000
/** A clock before 2026-01-01 was never set: a Pi without a battery starts in 1970, or when it was last shut down. */
const NEVER_SET_BEFORE_MS = 1_767_225_600_000

/** Says whether this machine's clock is off, by the median of the neighbours' clocks. One liar does not move a median of three. */
export function clockFindings(nowMs: number, offsetsMs: readonly number[]): DoctorFinding[] {
  const harmless = 'Messages are delivered all the same and stay in order; only the times shown are wrong.'
  if (nowMs < NEVER_SET_BEFORE_MS) {
    const message = `The clock of this machine says ${new Date(nowMs).toISOString()}: it was never set. ${harmless}`
    return [{ level: 'warning', code: 'clock-off', subject: 'clock', message, advice: setClock }]
  }
  const offset = median(offsetsMs)
  if (offset === undefined) return []
  if (Math.abs(offset) < CLOCK_OFF_MS)
    return [
      {
        level: 'ok',
        code: 'ok',
        subject: 'clock',
        message: `The clock agrees with ${offsetsMs.length === 1 ? 'one neighbour' : `${offsetsMs.length} neighbours`}.`,
        advice: '',
      },
    ]
  const message = `The clock of this machine is ${spoken(Math.abs(offset))} ${offset > 0 ? 'behind' : 'ahead of'} its ${offsetsMs.length === 1 ? 'neighbour' : 'neighbours'}. ${harmless}`
  const advice = offsetsMs.length === 1 ? `One of the two is wrong; compare with a watch. ${setClock}` : setClock
  return [{ level: 'warning', code: 'clock-off', subject: 'clock', message, advice }]
}

const setClock = 'Set it, as root: date --set "2026-01-31 12:00", or connect to a time server once.'

/** The middle value; of an even number the one nearer to zero, so that doubt speaks for our own clock. */
function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]]
  if (low === undefined || high === undefined) return undefined
  return Math.abs(low) < Math.abs(high) ? low : high
}

function spoken(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}
