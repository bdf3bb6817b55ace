/**
 * Our discovery and stock `@libp2p/mdns` find each other, in both directions, on a bridge of their own.
 * The stock peer gets a multicast route, without which it is silent; ours needs none.
 *
 *   node test-net/checks/mdns-interop.ts
 */
import { join } from 'node:path'
import { type NetLab, type NodeSpace, type Running, run, withLab } from '../netns/index.ts'

const PEER = join(import.meta.dirname, 'discovery-peer.ts')
/** The stock peer asks every two seconds; ours at once and after 0.25, 1.25 and 5 s. */
const FOUND_TIMEOUT_MS = 15_000

interface Started {
  readonly running: Running
  readonly device: string
}

async function startPeer(space: NodeSpace, kind: 'ours' | 'stock'): Promise<Started> {
  const running = space.start([process.execPath, '--no-warnings', PEER, kind])
  const device = await running.waitFor(`${kind} is ready`, (line) => deviceIn(line), { timeoutMs: 20_000 })
  return { running, device }
}

function deviceIn(line: string): string | undefined {
  const object = JSON.parse(line) as { event: string; device?: string }
  return object.event === 'ready' ? object.device : undefined
}

async function found(by: Started, whom: Started): Promise<number> {
  const pick = (line: string): number | undefined => {
    const object = JSON.parse(line) as { event: string; peer?: string; atMs: number; multiaddrs?: string[] }
    return object.event === 'peer' && object.peer === whom.device && (object.multiaddrs ?? []).length > 0 ? object.atMs : undefined
  }
  return by.running.waitFor('the other is found', pick, { timeoutMs: FOUND_TIMEOUT_MS })
}

async function check(lab: NetLab): Promise<void> {
  const lan = await lab.addLan('lan')
  const a = await lab.addNode('ours')
  const b = await lab.addNode('stock')
  await Promise.all([a.join(lan, { ipv4: '169.254.7.1/16' }), b.join(lan, { ipv4: '169.254.7.2/16' })])
  await run('ip', '-n', b.namespace, 'route', 'add', '224.0.0.0/4', 'dev', 'eth0')
  const [ours, stock] = await Promise.all([startPeer(a, 'ours'), startPeer(b, 'stock')])
  await Promise.all([found(ours, stock), found(stock, ours)])
  process.stdout.write(`${JSON.stringify({ check: 'mdns-interop', ok: true, oursFoundStock: true, stockFoundOurs: true })}\n`)
}

await withLab('mdns', check)
