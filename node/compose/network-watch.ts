/**
 * Notices that the network of this machine changed: a cable, a radio, an address. Whoever waits for a
 * better moment then need not wait any longer.
 *
 * It looks by itself and does not ask discovery, which can be switched off; a look costs some tenths of a
 * millisecond.
 */
import type { Clock, Log } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import { type Interfaces, systemInterfaces } from '#node/discovery'

/** What is needed to watch the network. */
export interface NetworkWatchDeps {
  readonly clock: Clock
  readonly log: Log
  /** Called at most once for each look, also when something was lost: the rest may be a better way. Of many changes in a row some are told late. */
  readonly onChange: () => void
}

/** Between two looks, ms; as often as discovery looks. */
const LOOK_MS = 1_000

/** Changes that are told as they come: a cable that is put in makes some, one for each address, and so does a radio. */
const MAX_CHANGES = 8
/**
 * Above that one is told every so often, ms. Whoever is told begins his dials anew, and a dial may take up to 10 s (`dialTimeoutMs`):
 * an interface that comes and goes each second must not keep slow ones from ever ending.
 */
const CHANGE_PAUSE_MS = 15_000

/** See the head of this file. */
export class NetworkWatch implements Runnable {
  readonly #deps: NetworkWatchDeps
  readonly #interfaces: Interfaces
  #task: Task | undefined

  constructor(deps: NetworkWatchDeps, interfaces: Interfaces = systemInterfaces()) {
    this.#deps = deps
    this.#interfaces = interfaces
  }

  async start(): Promise<void> {
    const { log } = this.#deps
    const before = this.#look()
    this.#task = spawn(
      (signal) => this.#run(before, signal),
      (error) => log.error('changes of the network are no longer noticed', { error }),
    )
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
  }

  async #run(first: string, signal: AbortSignal): Promise<void> {
    const { clock, log, onChange } = this.#deps
    let before = first
    let isChanged = false
    let left = MAX_CHANGES
    let countedMs = clock.monotonic()
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS, signal)
      if (signal.aborted) return
      const now = this.#look()
      if (now !== before) isChanged = true
      before = now
      const more = Math.floor((clock.monotonic() - countedMs) / CHANGE_PAUSE_MS)
      left = Math.min(left + more, MAX_CHANGES)
      countedMs = left === MAX_CHANGES ? clock.monotonic() : countedMs + more * CHANGE_PAUSE_MS
      if (!isChanged || left === 0) continue
      isChanged = false
      left -= 1
      log.info('the network changed')
      onChange()
    }
  }

  /** What one can dial through, as one text: switched on, with a link, with these addresses. The order means nothing. */
  #look(): string {
    const usable = this.#interfaces.list().filter(({ up, carrier, loopback }) => up && carrier !== false && !loopback)
    const lines = usable.flatMap(({ name, index, addresses }) => [
      `${name} ${index ?? ''}`,
      ...addresses.map(({ address, prefixLength }) => `${name} ${address}/${prefixLength}`),
    ])
    return lines.sort().join('\n')
  }
}
