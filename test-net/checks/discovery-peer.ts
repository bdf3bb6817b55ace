/**
 * One peer of the discovery checks, without the rest of a node: `ours` is LanDiscovery alone, `stock` is
 * libp2p's own `@libp2p/mdns`. Prints a JSON line when it is ready, for each peer that it finds, and
 * once a second its status.
 *
 *   node test-net/checks/discovery-peer.ts ours|stock PORT
 */
import { randomBytes } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { multiaddr } from '@multiformats/multiaddr'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import { type Clock, silentLog } from '#mesh/ports'
import { LanDiscovery } from '#node/discovery'

const print = (line: Record<string, unknown>): void => void process.stdout.write(`${JSON.stringify({ atMs: Math.round(performance.now()), ...line })}\n`)

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
}

async function ours(device: DeviceId, port: string): Promise<void> {
  const discovery = new LanDiscovery({
    clock,
    log: silentLog,
    random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
    device,
    addresses: () => [`/ip4/0.0.0.0/tcp/${port}`, `/ip6/::/tcp/${port}`],
    onPeer: (peer, multiaddrs) => print({ event: 'peer', peer, multiaddrs }),
  })
  await discovery.start()
  print({ event: 'ready', device })
  for (;;) {
    await sleep(1_000)
    print({ event: 'status', interfaces: discovery.status(), peers: discovery.peers().length })
  }
}

async function stock(device: DeviceId, port: string): Promise<void> {
  const silent = Object.assign(() => undefined, { error: () => undefined, trace: () => undefined, enabled: false })
  const logger: Logger = Object.assign(silent, { newScope: () => logger })
  const found = mdns({ interval: 2_000 })({
    logger: { forComponent: () => logger },
    addressManager: { getAddresses: () => ownAddresses().map((address) => multiaddr(`/ip4/${address}/tcp/${port}/p2p/${device}`)) },
  } as unknown as Parameters<ReturnType<typeof mdns>>[0]) // it uses this one method of the address manager
  found.addEventListener('peer', ({ detail }) => print({ event: 'peer', peer: detail.id.toString(), multiaddrs: detail.multiaddrs.map(String) }))
  await (found as typeof found & { start(): Promise<void> }).start()
  print({ event: 'ready', device })
  await sleep(120_000)
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  )
}

const [kind, port = '7717'] = process.argv.slice(2)
const device = deviceIdOf(new Uint8Array(randomBytes(32)))
if (kind === 'ours') await ours(device, port)
else if (kind === 'stock') await stock(device, port)
else throw new Error('say ours or stock')
