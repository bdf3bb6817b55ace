/**
 * What nodes are linked by: one bridge with a cable to each, which passes nothing but what is between two that are in
 * reach of each other, as on a radio channel on which not everybody hears everybody. What is out of reach falls
 * silent; no cable is pulled, and a node has to notice by itself.
 *
 * The kernel gives rates (`tbf`) and losses (`numgen`), no delays and no reordering.
 */
import { type Lan, type NetLab, type NodeSpace, run } from '../index.ts'
import type { Change, Pair } from './reach.ts'

/** What links are like. */
export interface AirOptions {
  /** Share of packets that is lost. */
  readonly loss: number
  /** What each node receives at most, bytes a second. */
  readonly bytesPerS: readonly number[]
}

/** Parts that a share of losses is counted in. */
const PARTS = 10_000
/** What may pass at once at any rate, and how long what is above waits, ms: some packets of the largest size that a kernel cuts later. */
const BURST = '256kb'
const QUEUE_MS = 500

/** See the head of this file. */
export class Air {
  readonly #lan: Lan
  readonly #ports: readonly string[]

  private constructor(lan: Lan, ports: readonly string[]) {
    this.#lan = lan
    this.#ports = ports
  }

  /** Links these nodes; at first nobody is in reach of anybody. */
  static async create(lab: NetLab, spaces: readonly NodeSpace[], { loss, bytesPerS }: AirOptions): Promise<Air> {
    const lan = await lab.addLan('air')
    const lose = loss > 0 ? `add rule bridge air pass numgen random mod ${PARTS} lt ${Math.round(loss * PARTS)} drop;` : ''
    await nft(
      lan,
      `add table bridge air; add set bridge air reach { type ifname . ifname; };
       add chain bridge air pass { type filter hook forward priority 0; policy drop; }; ${lose}
       add rule bridge air pass meta iifname . meta oifname @reach accept`,
    )
    await Promise.all(spaces.map((space, i) => space.join(lan, { ipv4: `10.77.0.${i + 1}/24` })))
    const ports = spaces.map((space) => space.portOf())
    for (const [i, port] of ports.entries()) {
      const rate = Math.round((bytesPerS[i] ?? 0) * 8)
      if (rate > 0)
        await run('tc', '-n', lan.namespace, 'qdisc', 'add', 'dev', port, 'root', 'tbf', 'rate', `${rate}bit`, 'burst', BURST, 'latency', `${QUEUE_MS}ms`)
    }
    return new Air(lan, ports)
  }

  /** Lets pairs hear each other, or no longer. */
  async change({ added, removed }: Change): Promise<void> {
    const commands = [this.#command('delete', removed), this.#command('add', added)].filter((command) => command !== '')
    if (commands.length > 0) await nft(this.#lan, commands.join('; '))
  }

  #command(what: 'add' | 'delete', pairs: readonly Pair[]): string {
    const ways = pairs.flatMap(([a, b]) => [`"${this.#ports[a]}" . "${this.#ports[b]}"`, `"${this.#ports[b]}" . "${this.#ports[a]}"`])
    return ways.length === 0 ? '' : `${what} element bridge air reach { ${ways.join(', ')} }`
  }
}

function nft(lan: Lan, commands: string): Promise<string> {
  return run('ip', 'netns', 'exec', lan.namespace, 'nft', commands)
}
