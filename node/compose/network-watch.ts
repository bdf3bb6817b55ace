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
  /** Called at most once for each look, also when something was lost: the rest may be a better way. */
  readonly onChange: () => void
}

/** Between two looks, ms; as often as discovery looks. */
const LOOK_MS = 1_000

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
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS, signal)
      const now = this.#look()
      if (signal.aborted || now === before) continue
      before = now
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
