/** Work that nobody awaits, owned by whoever spawned it. */
export interface Task {
  /** Resolves when the work has ended, for whatever reason. Never rejects. */
  readonly done: Promise<void>
  /** Aborts the work's signal and waits until it has ended. */
  stop(): Promise<void>
}

/**
 * Starts `work` and owns its end: a failure goes to `onError`, unless it is the consequence of `stop`.
 * The only place where a promise is left alone.
 */
export function spawn(work: (signal: AbortSignal) => Promise<void>, onError: (error: unknown) => void): Task {
  const controller = new AbortController()
  const done = run(work, controller.signal, onError)
  return {
    done,
    async stop() {
      controller.abort()
      await done
    },
  }
}

async function run(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal, onError: (error: unknown) => void): Promise<void> {
  try {
    await work(signal)
  } catch (error) {
    if (!signal.aborted) onError(error)
  }
}
