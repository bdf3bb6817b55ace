/** Whether others get through to this node, as they know it: who connected, and where they see it. */
import type { DoctorFinding } from '#node/control'
import { isLoopback, isSameIp, type NetworkInterface, parseIp } from '#node/discovery'

/** Addresses that are named one by one. */
const MAX_SHOWN = 3

/** What is looked at. */
export interface ReachFacts {
  readonly interfaces: ReadonlyArray<{ readonly facts: Pick<NetworkInterface, 'addresses'> }>
  readonly viewsOfUs?: ReadonlyArray<{ readonly view: 'open' | 'closed' }>
  /** Multiaddrs at which neighbours say they see this node, as often as it was said. */
  readonly seenAt?: readonly string[]
  readonly listenPort?: number
}

/** Says when the port is open, and when a router stands between: both are words of neighbours, and no fault. */
export function reachFindings({ interfaces, viewsOfUs = [], seenAt = [], listenPort }: ReachFacts): DoctorFinding[] {
  const port = listenPort === undefined ? 'the port of this node' : `TCP port ${listenPort}`
  const open = viewsOfUs.filter(({ view }) => view === 'open').length
  const opened: DoctorFinding = { level: 'ok', code: 'ok', subject: port, message: `${many(open)} got through to ${port}.`, advice: '' }
  return [...(open > 0 ? [opened] : []), ...foreign(interfaces, seenAt).map(([address, count]) => translated(address, count, port))]
}

function translated(address: string, count: number, port: string): DoctorFinding {
  return {
    level: 'note',
    code: 'address-translated',
    subject: address,
    message: `${many(count)} said this node is at ${address}, which is no address of this machine: a router stands between.`,
    advice: `Who is behind that router can be dialled from here with --peer; to be dialled from there, let the router forward ${port} to this machine.`,
  }
}

function many(count: number): string {
  return count === 1 ? 'One neighbour' : `${count} neighbours`
}

/** Addresses that this machine does not have, the most frequent first, and how often each was said. */
function foreign(interfaces: ReachFacts['interfaces'], seenAt: readonly string[]): Array<[string, number]> {
  const own = interfaces.flatMap(({ facts }) => facts.addresses.map(({ address }) => address))
  const counts = new Map<string, number>()
  for (const multiaddr of seenAt) {
    const address = /\/ip[46]\/([0-9a-fA-F.:]+)\//.exec(multiaddr)?.[1] ?? ''
    const ip = parseIp(address)
    if (ip === undefined || isLoopback(ip) || own.some((text) => isSameIp(ip, text))) continue
    counts.set(address, (counts.get(address) ?? 0) + 1)
  }
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, MAX_SHOWN)
}
