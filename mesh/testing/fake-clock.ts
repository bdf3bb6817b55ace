import type { Clock } from '#mesh/ports'

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Moves wall and monotonic time forward and wakes the sleepers whose time has come, in order. */
  advance(ms: number): Promise<void>
  /** Sets the wall clock alone, as NTP does to a Pi that started in 1970. */
  setWall(ms: number): void
  /** How many sleeps are pending. */
  readonly sleepers: number
}

/** @param start wall time in ms since 1970; a plausible moment in 2026 by default. */
export function fakeClock(start = 1_790_000_000_000): FakeClock {
  let monotonic = 0
  let offset = start
  const waiting = new Set<{ at: number; wake: () => void }>()
  return {
    now: () => offset + monotonic,
    monotonic: () => monotonic,
    get sleepers() {
      return waiting.size
    },
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const sleeper = {
          at: monotonic + ms,
          wake() {
            waiting.delete(sleeper)
            signal?.removeEventListener('abort', sleeper.wake)
            resolve()
          },
        }
        waiting.add(sleeper)
        signal?.addEventListener('abort', sleeper.wake, { once: true })
      })
    },
    setWall(ms) {
      offset = ms - monotonic
    },
    async advance(ms) {
      const end = monotonic + ms
      for (;;) {
        const next = [...waiting].filter((sleeper) => sleeper.at <= end).sort((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        monotonic = Math.max(monotonic, next.at)
        next.wake()
        await settle()
      }
      monotonic = end
      await settle()
    },
  }
}

/** Lets everything that can run now run: promise chains and what they started. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}
