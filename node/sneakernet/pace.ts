import type { Clock } from '#mesh/ports'

/** Between two words about progress, in ms: an eye sees no more, and a slow reader is not buried. */
const PROGRESS_EVERY_MS = 200

/** Says when it is time for another word about progress; the first time at once. */
export function pacer(clock: Pick<Clock, 'monotonic'>): () => boolean {
  let nextMs = Number.NEGATIVE_INFINITY
  return () => {
    const nowMs = clock.monotonic()
    if (nowMs < nextMs) return false
    nextMs = nowMs + PROGRESS_EVERY_MS
    return true
  }
}
