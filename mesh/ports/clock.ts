/** Time as the protocol sees it: a wall clock that may be wrong, and waiting that can be cancelled. */
export interface Clock {
  /** Milliseconds since 1970 by this machine's wall clock. May be wrong, and may jump. */
  now(): number
  /** Milliseconds since some fixed moment; never jumps, never goes back. */
  monotonic(): number
  /** Resolves after `ms`, or at once when `signal` aborts. It never rejects: check the signal. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
