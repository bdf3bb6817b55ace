/** A part with a visible life. `start` resolves when the part is ready; `stop` when nothing of it is left running. */
export interface Runnable {
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts `parts` in order; when one fails, stops those already started in reverse and rethrows.
 * @returns a part whose `stop` stops all of them in reverse, every one even when another's stop fails.
 */
export async function startAll(parts: readonly Runnable[]): Promise<Pick<Runnable, 'stop'>> {
  const started: Runnable[] = []
  try {
    for (const part of parts) {
      await part.start()
      started.push(part)
    }
  } catch (error) {
    await stopAll(started)
    throw error
  }
  return { stop: () => stopAll(started) }
}

async function stopAll(parts: Runnable[]): Promise<void> {
  const failures: unknown[] = []
  for (const part of parts.reverse()) {
    try {
      await part.stop()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'some parts did not stop cleanly')
}
