/**
 * Discovery follows the interfaces: a node that starts without any finds the others when a cable comes,
 * notices when it is pulled and put back, finds them again on a second network, and a stock mDNS
 * responder in the same machine does not disturb.
 *
 *   node test-net/checks/interfaces.ts
 */
import { join } from 'node:path'
import { type Lan, type NetLab, type NodeSpace, type Running, run, withLab } from '../netns/index.ts'

const PEER = join(import.meta.dirname, 'discovery-peer.ts')
/** Two looks at the interfaces, the kernel's own time to find an IPv6 address unique, and reserve. */
const TIMEOUT_MS = 15_000

interface Line {
  readonly event: string
  readonly device?: string
  readonly peer?: string
  readonly multiaddrs?: readonly string[]
  readonly interfaces?: Readonly<Record<string, { state: string }>>
}

interface Started {
  readonly running: Running
  readonly device: string
}

async function startPeer(space: NodeSpace, kind: 'ours' | 'stock', port: number): Promise<Started> {
  const running = space.start([process.execPath, '--no-warnings', PEER, kind, String(port)])
  const ready = await waitFor(running, `${kind} is ready`, (line) => line.event === 'ready')
  return { running, device: ready.device ?? '' }
}

function waitFor(running: Running, what: string, accept: (line: Line) => boolean): Promise<Line> {
  const pick = (text: string): Line | undefined => {
    const line = JSON.parse(text) as Line
    return accept(line) ? line : undefined
  }
  return running.waitFor(what, pick, { timeoutMs: TIMEOUT_MS, from: running.lines.length })
}

const finds = (by: Started, whom: Started, at: string): Promise<Line> =>
  waitFor(
    by.running,
    `peer at ${at}`,
    ({ event, peer, multiaddrs }) => event === 'peer' && peer === whom.device && (multiaddrs ?? []).some((one) => one.includes(at)),
  )

const hasState = (who: Started, device: string, state: string | undefined): Promise<Line> =>
  waitFor(who.running, `${device} is ${state ?? 'gone'}`, ({ event, interfaces }) => event === 'status' && interfaces?.[device]?.state === state)

async function check(lab: NetLab): Promise<void> {
  const [first, second] = await Promise.all([lab.addLan('lan1'), lab.addLan('lan2')])
  const [mover, one, two] = await Promise.all([lab.addNode('mover'), lab.addNode('one'), lab.addNode('two')])
  await Promise.all([one.join(first, { ipv4: '169.254.9.1/16' }), two.join(second, { ipv4: '169.254.9.2/16' })])
  const [a, b, c] = await Promise.all([startPeer(mover, 'ours', 7701), startPeer(one, 'ours', 7702), startPeer(two, 'ours', 7703)])

  await arrives(mover, first, 'eth0', () => Promise.all([finds(a, b, '/ip6zone/eth0/'), finds(b, a, '/tcp/7701')]))
  await mover.plug(false)
  await hasState(a, 'eth0', 'no-carrier')
  await mover.plug(true)
  await Promise.all([hasState(a, 'eth0', 'up'), finds(a, b, '/tcp/7702')])
  await arrives(mover, second, 'wifi0', () => Promise.all([finds(a, c, '/ip6zone/wifi0/'), finds(c, a, '/tcp/7701')]))
  await mover.leave('eth0')
  await hasState(a, 'eth0', undefined)

  // A stock responder on the same machine holds the wildcard address of port 5353, as avahi does.
  await run('ip', '-n', two.namespace, 'route', 'add', '224.0.0.0/4', 'dev', 'eth0')
  const stock = await startPeer(two, 'stock', 7704)
  await Promise.all([finds(c, stock, '/tcp/7704'), finds(stock, c, '/tcp/7703'), hasState(c, 'eth0', 'up')])
  process.stdout.write(`${JSON.stringify({ check: 'interfaces', ok: true })}\n`)
}

/** Joins a LAN while `found` is already being waited for. */
async function arrives(space: NodeSpace, lan: Lan, device: string, found: () => Promise<unknown>): Promise<void> {
  await Promise.all([found(), space.join(lan, { interface: device })])
}

await withLab('ifs', check)
