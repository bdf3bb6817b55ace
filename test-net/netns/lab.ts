/**
 * Small networks on one machine: a LAN is a bridge in a namespace of its own, a node is a namespace with
 * one virtual cable to each LAN it is on. There is no default route anywhere, no DHCP and no way out.
 *
 * Everything carries the prefix of this run, and is removed by its full name: nothing that somebody else
 * made is touched. `withLab` cleans up at the end, after an error, and when the run is interrupted.
 */
import { type Finished, finish, run, runNow } from './commands.ts'
import { explainMissing } from './preflight.ts'
import { Running, type RunningOptions } from './running.ts'

/** How a node is on a LAN. */
export interface JoinOptions {
  /** Name of the interface in the node; `eth0` unless said otherwise. */
  readonly interface?: string
  /** For example `169.254.1.1/16`; without one the interface has no IPv4 address. */
  readonly ipv4?: string
  /** IPv6 link-local, given by the kernel itself; on unless said otherwise. */
  readonly ipv6?: boolean
}

/** A bridge. */
export interface Lan {
  readonly name: string
  /** Its namespace; captures run here on `br0`. */
  readonly namespace: string
}

let runs = 0
let ports = 0
/** How long the kernel may take to find an IPv6 address unique, in ms; it takes one to two seconds. */
const ADDRESS_TIMEOUT_MS = 8_000
const LOOK_EVERY_MS = 50

/** A node's place in the network: a namespace. */
export class NodeSpace {
  readonly name: string
  readonly namespace: string
  readonly #running: Running[] = []
  readonly #cables = new Map<string, { lan: Lan; port: string }>()

  constructor(name: string, namespace: string) {
    this.name = name
    this.namespace = namespace
  }

  /** Plugs a cable into a LAN. Resolves when the address can be used. */
  async join(lan: Lan, options: JoinOptions = {}): Promise<void> {
    const device = options.interface ?? 'eth0'
    ports += 1
    const port = `p${ports}` // interface names hold 15 characters, names of nodes more
    await run('ip', 'link', 'add', device, 'netns', this.namespace, 'type', 'veth', 'peer', 'name', port, 'netns', lan.namespace)
    this.#cables.set(device, { lan, port })
    await run('ip', '-n', lan.namespace, 'link', 'set', port, 'master', 'br0', 'up')
    if (options.ipv6 === false) await run('ip', 'netns', 'exec', this.namespace, 'sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${device}/disable_ipv6`)
    if (options.ipv4 !== undefined) await run('ip', '-n', this.namespace, 'address', 'add', options.ipv4, 'dev', device)
    await run('ip', '-n', this.namespace, 'link', 'set', device, 'up')
    if (options.ipv6 !== false) await this.#awaitIpv6(device)
  }

  /** Sends what is for `network` (as `10.7.2.0/24`) through the router at `via`; IPv4, unicast. */
  async route(network: string, via: string): Promise<void> {
    await run('ip', '-n', this.namespace, 'route', 'add', network, 'via', via)
  }

  /** Passes IPv4 packets on from one of its LANs to another, as a router does; unicast only, since nothing here routes multicast. */
  async forward(): Promise<void> {
    await run('ip', 'netns', 'exec', this.namespace, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
  }

  /** Pulls the cable and throws it away. */
  async leave(device = 'eth0'): Promise<void> {
    await run('ip', '-n', this.namespace, 'link', 'delete', device)
    this.#cables.delete(device)
  }

  /** Pulls the cable out at the bridge (no carrier), or puts it back. */
  async plug(isIn: boolean, device = 'eth0'): Promise<void> {
    const { lan, port } = this.#cable(device)
    await run('ip', '-n', lan.namespace, 'link', 'set', port, isIn ? 'up' : 'down')
  }

  /** The name of the other end of a cable, a port of the LAN's bridge. */
  portOf(device = 'eth0'): string {
    return this.#cable(device).port
  }

  /** Runs a command here to its end. */
  exec(command: readonly string[], options: { timeoutMs?: number; env?: NodeJS.ProcessEnv; cwd?: string } = {}): Promise<Finished> {
    return finish(this.inside(command), options)
  }

  /** Starts a process here; it ends with the lab. */
  start(command: readonly string[], options: RunningOptions = {}): Running {
    const running = new Running(this.inside(command), options)
    this.#running.push(running)
    return running
  }

  /** The command line that runs `command` in this namespace. */
  inside(command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.namespace, ...command]
  }

  /** Kills what still runs here. */
  async killAll(): Promise<void> {
    this.killNow()
    await Promise.all(this.#running.map(({ ended }) => ended))
  }

  /** Sends SIGKILL to what still runs here, and does not wait. */
  killNow(): void {
    for (const running of this.#running) running.kill('SIGKILL')
  }

  #cable(device: string): { lan: Lan; port: string } {
    const cable = this.#cables.get(device)
    if (cable === undefined) throw new Error(`${this.name} has no cable ${device}`)
    return cable
  }

  async #awaitIpv6(device: string): Promise<void> {
    const deadline = performance.now() + ADDRESS_TIMEOUT_MS
    for (;;) {
      const shown = await run('ip', '-n', this.namespace, '-6', 'address', 'show', 'dev', device, 'scope', 'link')
      if (shown.includes('inet6') && !shown.includes('tentative')) return
      if (performance.now() > deadline) throw new Error(`${this.name}: ${device} got no IPv6 address`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }
}

/** A set of LANs and nodes. */
export class NetLab {
  readonly prefix: string
  readonly #namespaces: string[] = []
  readonly #nodes: NodeSpace[] = []

  /** @param name says what the lab is for; part of the names of its namespaces. */
  constructor(name = 'lab') {
    runs += 1
    this.prefix = `qpq-${name}-${process.pid}-${runs}`
  }

  async addLan(name: string): Promise<Lan> {
    const namespace = await this.#addNamespace(name)
    // Snooping waits for multicast routers that are not there; a plain home switch has none either.
    await run('ip', '-n', namespace, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0')
    await run('ip', '-n', namespace, 'link', 'set', 'br0', 'up')
    return { name, namespace }
  }

  async addNode(name: string): Promise<NodeSpace> {
    const node = new NodeSpace(name, await this.#addNamespace(name))
    this.#nodes.push(node)
    await run('ip', '-n', node.namespace, 'link', 'set', 'lo', 'up')
    return node
  }

  /** Kills all processes and deletes all namespaces of this lab. */
  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.killAll()))
    for (const namespace of this.#namespaces.splice(0)) await run('ip', 'netns', 'delete', namespace)
  }

  /** The same without waiting, for the last moments of a process. */
  closeNow(): void {
    for (const node of this.#nodes) node.killNow()
    for (const namespace of this.#namespaces.splice(0)) runNow('ip', 'netns', 'delete', namespace)
  }

  async #addNamespace(name: string): Promise<string> {
    const namespace = `${this.prefix}-${name}`
    await run('ip', 'netns', 'add', namespace)
    this.#namespaces.push(namespace)
    return namespace
  }
}

/**
 * Lends a lab to `work` and removes it afterwards, whatever happens.
 * @param tools what `work` calls besides `ip` (`nft`, `tcpdump`); throws a sentence about what to install when one is missing.
 */
export async function withLab<T>(name: string, work: (lab: NetLab) => Promise<T>, tools: readonly string[] = []): Promise<T> {
  const obstacle = explainMissing(['ip', ...tools])
  if (obstacle !== undefined) throw new Error(obstacle)
  const lab = new NetLab(name)
  const onExit = (): void => lab.closeNow()
  const onSignal = (): void => process.exit(130)
  process.once('exit', onExit).once('SIGINT', onSignal).once('SIGTERM', onSignal)
  try {
    return await work(lab)
  } finally {
    await lab.close()
    process.off('exit', onExit).off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}
