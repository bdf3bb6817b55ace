/**
 * Why is nobody there? One pure function from facts to findings, each with a sentence about what to do.
 *
 * Silence has few causes, and they can be told apart: no cable, no address, the system refuses to send
 * multicast, the network swallows it (guest Wi-Fi, filters), a firewall closes the port, a clock is off.
 * What is not wrong is said too: a person who looks for a fault wants to know what need not be looked at.
 */
import type { DoctorFinding, DoctorReport, WatchedFolderInfo } from '#node/control'
import type { InterfaceState, NetworkInterface } from '#node/discovery'
import { clockFindings } from './doctor-clock.ts'
import { folderFindings } from './doctor-folders.ts'
import { reachFindings } from './doctor-reach.ts'

/** An interface with what discovery counted on it. */
export interface DoctorInterface {
  readonly facts: NetworkInterface
  /** Absent when discovery does not use the interface (loopback). */
  readonly discovery?: {
    readonly state: InterfaceState
    readonly sent: number
    readonly received: number
    readonly errors: number
    readonly lastError?: string
    readonly heardS?: number
    readonly multicastHeardS?: number
    readonly upS?: number
  }
}

/** What a neighbour found when it dialled us, or what we found when we dialled it. */
export interface DialView {
  readonly peer: string
  readonly view: 'open' | 'closed'
}

/** What the doctor looks at. Everything is optional except the interfaces: what is not known is not judged. */
export interface DoctorFacts {
  readonly interfaces: readonly DoctorInterface[]
  /** Connected peers. */
  readonly peers: number
  /** What neighbours say about our port, from `LanDiscovery.viewsOfUs`, and that they connected, from `Host.viewsOfUs`. */
  readonly viewsOfUs?: readonly DialView[]
  /** Multiaddrs at which connected neighbours say they see us. */
  readonly seenAt?: readonly string[]
  /** What our own dials to heard neighbours found; from `LanDiscovery.peers`. */
  readonly ourViews?: readonly DialView[]
  /** The port the host listens on, for the advice. */
  readonly listenPort?: number
  /** This machine's wall clock, ms since 1970. */
  readonly nowMs: number
  /** Clock of each neighbour minus ours, ms. */
  readonly clockOffsetsMs?: readonly number[]
  readonly store?: { readonly full: boolean; readonly bytes: number; readonly limitBytes: number }
  /** Whether the QUIC transport is there; absent: not asked for. */
  readonly quic?: boolean
  /** Watched folders by their path. */
  readonly folders?: Readonly<Record<string, WatchedFolderInfo>>
}

/** An interface that has been up this long and heard nothing is suspicious, in seconds: our questions at 0, 0.25, 1.25, 5 and 21 s are over. */
export const SILENCE_AFTER_S = 30
/** A store this full is worth a word, in parts of its limit. */
const STORE_NEARLY_FULL = 0.9
const HEALTHY: ReadonlySet<DoctorFinding['level']> = new Set(['ok', 'note'])

/** Judges the facts. `healthy` is true when nothing is a warning or a problem. */
export function diagnose(facts: DoctorFacts): DoctorReport {
  const findings = [
    ...networkFindings(facts),
    ...portFindings(facts),
    ...reachFindings(facts),
    ...clockFindings(facts.nowMs, facts.clockOffsetsMs ?? []),
    ...storeFindings(facts.store),
    ...quicFindings(facts.quic),
    ...folderFindings(facts.folders ?? {}),
  ]
  return { healthy: findings.every(({ level }) => HEALTHY.has(level)), findings }
}

function networkFindings(facts: DoctorFacts): DoctorFinding[] {
  const candidates = facts.interfaces.filter(({ facts: { loopback } }) => !loopback)
  const on = candidates.filter(({ facts: { up } }) => up)
  if (on.length === 0) return [noInterface(candidates)]
  const findings = on.map((one) => interfaceFinding(one, facts.peers))
  // One cable that is out is no fault while another network works.
  const works = findings.some(({ level }) => HEALTHY.has(level))
  return works
    ? findings.map((finding) => (finding.code === 'no-carrier' || finding.code === 'no-address' ? { ...finding, level: 'note' } : finding))
    : findings
}

function noInterface(candidates: readonly DoctorInterface[]): DoctorFinding {
  const names = candidates.map(({ facts: { name } }) => name)
  const exists = names.length > 0
  return {
    level: 'problem',
    code: 'no-interface',
    subject: exists ? names.join(', ') : 'network',
    message: exists ? `Every network interface is switched off: ${names.join(', ')}.` : 'This machine has no network interface except loopback.',
    advice: exists
      ? `Switch one on: ip link set ${names[0]} up (as root), or turn on Wi-Fi.`
      : 'Plug in a network adapter, or turn on Wi-Fi; in a container, give it a network.',
  }
}

function interfaceFinding({ facts, discovery }: DoctorInterface, peers: number): DoctorFinding {
  const subject = facts.name
  const finding = (level: DoctorFinding['level'], code: string, message: string, advice: string): DoctorFinding => ({ level, code, subject, message, advice })
  if (facts.carrier === false)
    return finding('problem', 'no-carrier', `${subject} is on but has no link.`, 'Put the cable in at both ends, or join a Wi-Fi network.')
  if (facts.addresses.length === 0) {
    return finding('problem', 'no-address', `${subject} has a link but no address, not even a link-local one.`, addressAdvice(subject))
  }
  if (discovery === undefined) return finding('note', 'ok', `${subject} is not used for discovery.`, '')
  if (discovery.state === 'no-multicast') {
    return finding(
      'note',
      'multicast-send-error',
      `${subject} cannot send multicast.`,
      `Name peers behind ${subject} with --peer; on other kinds of interface: ip link set ${subject} multicast on.`,
    )
  }
  if (discovery.state === 'failed' || (discovery.errors > 0 && discovery.sent === 0)) {
    return finding(
      'problem',
      'multicast-send-error',
      `${subject} refuses multicast: ${discovery.lastError ?? 'unknown error'}.`,
      errorAdvice(discovery.lastError ?? '', subject),
    )
  }
  if (discovery.state === 'partial') {
    const advice = errorAdvice(discovery.lastError ?? '', subject)
    return finding('warning', 'multicast-send-error', `Only part of discovery works on ${subject}: ${discovery.lastError ?? 'unknown error'}.`, advice)
  }
  if (discovery.heardS !== undefined) {
    return finding('ok', 'ok', `${subject}: other nodes are heard, the last ${discovery.heardS} s ago; ${peers} connected.`, '')
  }
  return silence(finding, discovery, subject)
}

function silence(
  finding: (level: DoctorFinding['level'], code: string, message: string, advice: string) => DoctorFinding,
  discovery: NonNullable<DoctorInterface['discovery']>,
  subject: string,
): DoctorFinding {
  const upS = discovery.upS ?? 0
  if (upS < SILENCE_AFTER_S) return finding('note', 'nothing-heard', `${subject}: nobody heard yet, after ${upS} s.`, 'Wait half a minute and ask again.')
  if (discovery.multicastHeardS !== undefined) {
    return finding(
      'note',
      'nothing-heard',
      `${subject}: the network lets multicast pass (something was heard ${discovery.multicastHeardS} s ago), but no other node speaks.`,
      'Start qpq on another machine of this network; if it runs there, ask its doctor.',
    )
  }
  return finding(
    'warning',
    'nothing-heard',
    `${subject}: nothing at all was heard for ${upS} s. Either nobody else is here, or the network keeps its stations apart (guest Wi-Fi, client isolation) or filters multicast.`,
    `Leave the guest network or switch off "client isolation" in the router; allow UDP ports 5353 and 7718 in a firewall; or name a peer with --peer.`,
  )
}

function addressAdvice(subject: string): string {
  return `Allow IPv6 link-local addresses (sysctl net.ipv6.conf.${subject}.disable_ipv6=0), or give an address: ip address add 169.254.77.1/16 dev ${subject} (as root, another number on each machine).`
}

/** What helps against the system's own error codes; the code is in the message already. */
function errorAdvice(lastError: string, subject: string): string {
  if (lastError.includes('EADDRINUSE')) return 'Another program holds the port for itself alone; find it with: ss -ulpn "sport = :5353 or sport = :7718".'
  if (lastError.includes('EPERM') || lastError.includes('EACCES'))
    return 'A firewall on this machine forbids it; allow outgoing UDP to 224.0.0.251, ff02::fb and ff15::71:7071.'
  if (lastError.includes('ENETUNREACH') || lastError.includes('EADDRNOTAVAIL')) {
    return `The address of ${subject} is not usable yet or was taken away; look at: ip address show dev ${subject}. It is tried again every second.`
  }
  if (lastError.includes('ENOBUFS') || lastError.includes('ENOMEM'))
    return 'The system is out of buffers; lower the load on the network, or restart the interface.'
  return `Look at: ip link show ${subject}, and the log of the kernel (dmesg).`
}

function portFindings({ viewsOfUs = [], ourViews = [], listenPort }: DoctorFacts): DoctorFinding[] {
  const findings: DoctorFinding[] = []
  const closed = viewsOfUs.filter(({ view }) => view === 'closed')
  const port = listenPort === undefined ? 'the port of this node' : `TCP port ${listenPort}`
  if (closed.length > 0) {
    findings.push({
      level: closed.length === viewsOfUs.length ? 'problem' : 'warning',
      code: 'port-closed',
      subject: port,
      message: `${closed.length} of ${viewsOfUs.length} neighbours hear this node but cannot connect to ${port}.`,
      advice: `Allow incoming ${port} in the firewall of this machine${listenPort === undefined ? '' : ` (nftables: tcp dport ${listenPort} accept; ufw allow ${listenPort})`}.`,
    })
  }
  for (const { peer } of ourViews.filter(({ view }) => view === 'closed').slice(0, MAX_CLOSED_SHOWN)) {
    findings.push({
      level: 'warning',
      code: 'port-closed',
      subject: peer,
      message: `${peer} is heard, but a connection to it cannot be made from here.`,
      advice: 'Allow the port of qpq in the firewall of that machine; its own doctor names the port.',
    })
  }
  return findings
}

/** Neighbours behind a closed port that are named one by one. */
const MAX_CLOSED_SHOWN = 5

function storeFindings(store: DoctorFacts['store']): DoctorFinding[] {
  if (store === undefined) return []
  const percent = Math.round((100 * store.bytes) / store.limitBytes)
  if (store.full && store.bytes < store.limitBytes) {
    return [
      {
        level: 'problem',
        code: 'store-full',
        subject: 'disk',
        message: 'The disk of the data directory is full: nothing is carried for others, and nothing new can be written.',
        advice: 'Free some space on it; the node goes on by itself, and what was written before stays.',
      },
    ]
  }
  const advice = 'Free space on the disk, or allow a larger store; own messages are never thrown away.'
  if (store.full)
    return [
      {
        level: 'problem',
        code: 'store-full',
        subject: 'store',
        message: `The store is full (${percent} % of its limit): what is more important drives out what is less, and nothing else is carried for others.`,
        advice,
      },
    ]
  if (store.bytes >= store.limitBytes * STORE_NEARLY_FULL) {
    return [
      {
        level: 'warning',
        code: 'store-full',
        subject: 'store',
        message: `The store is nearly full (${percent} %); the least important envelopes of others go first.`,
        advice,
      },
    ]
  }
  return [{ level: 'ok', code: 'ok', subject: 'store', message: `${percent} % of the store is used.`, advice: '' }]
}

function quicFindings(quic: boolean | undefined): DoctorFinding[] {
  if (quic !== false) return []
  const advice = 'Nothing has to be done; QUIC only connects a little faster.'
  return [{ level: 'note', code: 'quic-missing', subject: 'quic', message: 'There is no QUIC for this kind of machine; TCP is used.', advice }]
}
