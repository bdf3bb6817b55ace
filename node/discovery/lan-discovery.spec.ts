import assert from 'node:assert/strict'
import { encode } from 'dns-packet'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { type FakeClock, fakeClock, seededRandom, settle } from '#mesh/testing'
import { ethernet, FakeLan, type FakeMachine } from './fake-lan.ts'
import { DISCOVERY_GROUP, LanDiscovery } from './lan-discovery.ts'
import { PROBE_AFTER_MS } from './peer-book.ts'
import { encodePacket, readPacket, SERVICE_NAME } from './wire.ts'

interface TestNode {
  readonly device: DeviceId
  readonly discovery: LanDiscovery
  readonly machine: FakeMachine
  /** What was told, last first. */
  readonly found: Array<[DeviceId, string[]]>
}

const deviceNumber = (n: number): DeviceId => deviceIdOf(new Uint8Array(32).fill(n))

describe('LAN discovery', () => {
  let clock: FakeClock
  let lan: FakeLan
  let nodes: TestNode[]

  beforeEach(() => {
    clock = fakeClock()
    lan = new FakeLan()
    nodes = []
  })

  afterEach(async () => {
    for (const node of nodes) await node.discovery.stop()
  })

  async function start(n: number, machine: FakeMachine, listen = ['/ip4/0.0.0.0/tcp/7717', '/ip6/::/tcp/7717']): Promise<TestNode> {
    const device = deviceNumber(n)
    const found: TestNode['found'] = []
    const deps = {
      clock,
      log: silentLog,
      random: seededRandom(n),
      device,
      addresses: () => listen,
      onPeer: (peer: DeviceId, at: string[]) => void found.unshift([peer, at]),
    }
    const discovery = new LanDiscovery(deps, { interfaces: machine, sockets: machine })
    const node = { device, discovery, machine, found }
    nodes.push(node)
    await discovery.start()
    await settle()
    return node
  }

  const sentSince = (index: number): string[] => lan.sent.slice(index).map(({ to }) => to)

  it('finds nodes that have only 169.254 addresses, within a fifth of a second', async () => {
    const a = await start(1, lan.machine(ethernet('eth0', 'w', '169.254.1.1/16')))
    await clock.advance(100_000)
    const b = await start(2, lan.machine(ethernet('eth0', 'w', '169.254.1.2/16')))
    await clock.advance(200)
    assert.deepEqual(a.found[0], [b.device, [`/ip4/169.254.1.2/tcp/7717/p2p/${b.device}`]])
    assert.deepEqual(b.found[0], [a.device, [`/ip4/169.254.1.1/tcp/7717/p2p/${a.device}`]])
  })

  it('gives IPv6 link-local addresses the zone of the interface they were heard on', async () => {
    const a = await start(1, lan.machine(ethernet('enp3s0', 'w', 'fe80::1/64')))
    const b = await start(2, lan.machine(ethernet('wlan0', 'w', 'fe80::2/64')))
    await clock.advance(200)
    assert.deepEqual(a.found[0]?.[1], [`/ip6zone/enp3s0/ip6/fe80::2/tcp/7717/p2p/${b.device}`])
    assert.deepEqual(b.found[0]?.[1], [`/ip6zone/wlan0/ip6/fe80::1/tcp/7717/p2p/${a.device}`])
  })

  it('finds nodes through its own group where mDNS is filtered, and answers there by unicast', async () => {
    lan.passes = ({ port }) => port !== 5353
    const a = await start(1, lan.machine(ethernet('bat0', 'w', 'fe80::1/64')))
    const b = await start(2, lan.machine(ethernet('bat0', 'w', 'fe80::2/64')))
    await clock.advance(200)
    assert.equal(a.found[0]?.[0], b.device)
    assert.equal(b.found[0]?.[0], a.device)
    assert.ok(sentSince(0).includes('fe80::2') && sentSince(0).includes(DISCOVERY_GROUP))
  })

  it('does not find itself', async () => {
    const a = await start(1, lan.machine(ethernet('eth0', 'w', '169.254.1.1/16', 'fe80::1/64')))
    await clock.advance(10_000)
    assert.deepEqual(a.found, [])
    assert.equal(a.discovery.status()['eth0']?.received, 0)
    assert.equal(a.discovery.status()['eth0']?.multicastHeardS, undefined)
  })

  it('understands a stock peer and is understood by it', async () => {
    const a = await start(1, lan.machine(ethernet('eth0', 'w', '192.168.0.1/24')))
    const stock = lan.machine(ethernet('eth0', 'w', '192.168.0.2/24'))
    const heard: Uint8Array[] = []
    const events = { onDatagram: (bytes: Uint8Array) => void heard.push(bytes), onError: () => undefined }
    const socket = await stock.open({ family: 4, interfaceName: 'eth0', ownAddress: '192.168.0.2', group: '224.0.0.251', port: 5353, hops: 255 }, events)
    const name = `stock.${SERVICE_NAME}`
    const device = deviceNumber(9)
    const text = (data: string): { type: 'TXT'; name: string; data: string } => ({ type: 'TXT', name, data })
    const answers = [
      { type: 'PTR', name: SERVICE_NAME, data: name } as const,
      text(`dnsaddr=/ip4/192.168.0.2/tcp/4001/p2p/${device}`),
      text(`dnsaddr=/ip4/8.8.8.8/tcp/1/p2p/${device}`),
    ]
    await socket.send(encode({ type: 'response', answers }), '224.0.0.251', 5353)
    await settle()
    assert.deepEqual(a.found, [[device, [`/ip4/192.168.0.2/tcp/4001/p2p/${device}`]]])
    heard.length = 0
    await clock.advance(2_000)
    heard.length = 0
    await socket.send(encode({ type: 'query', questions: [{ name: SERVICE_NAME, type: 'PTR' }] }), '224.0.0.251', 5353)
    await clock.advance(130)
    const multicast = heard.flatMap((bytes) => readPacket(bytes) ?? []).filter(({ asks }) => !asks)
    assert.deepEqual(multicast[0]?.multiaddrs, [`/ip4/192.168.0.1/tcp/7717/p2p/${a.device}`])
  })

  it('multicasts one answer a second to a flood of questions', async () => {
    await start(1, lan.machine(ethernet('eth0', 'w', '192.168.0.1/24')))
    await clock.advance(30_000)
    const flooder = lan.machine(ethernet('eth0', 'w', '192.168.0.2/24'))
    const socket = await flooder.open(
      { family: 4, interfaceName: 'eth0', ownAddress: '192.168.0.2', port: 0, hops: 1 },
      { onDatagram: () => undefined, onError: () => undefined },
    )
    const before = lan.sent.length
    for (let i = 0; i < 100; i++) {
      await socket.send(encode({ type: 'query', questions: [{ name: SERVICE_NAME, type: 'PTR' }] }), '224.0.0.251', 5353)
      await clock.advance(50)
    }
    const answers = lan.sent.slice(before).filter(({ from, bytes }) => from === '192.168.0.1' && readPacket(bytes)?.asks === false)
    assert.ok(answers.length >= 4 && answers.length <= 6, `${answers.length}`)
  })

  it('counts what the system refuses, says it, and works again when the system does', async () => {
    const machine = lan.machine(ethernet('eth0', 'w', '169.254.1.1/16'))
    machine.sendError = () => 'ENETUNREACH'
    const a = await start(1, machine)
    await clock.advance(2_000)
    const status = a.discovery.status()['eth0']
    assert.ok(status !== undefined && status.errors >= 3 && status.sent === 0)
    assert.match(status.lastError ?? '', /224\.0\.0\.251: ENETUNREACH/)
    machine.sendError = () => undefined
    const b = await start(2, lan.machine(ethernet('eth0', 'w', '169.254.1.2/16')))
    await clock.advance(3_000)
    assert.equal(b.found[0]?.[0], a.device)
  })

  it('opens what could not be opened at first, such as an address that is still tentative', async () => {
    const machine = lan.machine(ethernet('eth0', 'w', 'fe80::1/64'))
    machine.openError = ({ group }) => (group === undefined ? 'EADDRNOTAVAIL' : undefined)
    const a = await start(1, machine)
    assert.equal(a.discovery.status()['eth0']?.state, 'partial')
    machine.openError = () => undefined
    await clock.advance(1_000)
    assert.equal(a.discovery.status()['eth0']?.state, 'up')
    const last = lan.sent.findLast(({ to }) => to === DISCOVERY_GROUP)
    assert.ok(last !== undefined && readPacket(last.bytes)?.asks)
  })

  it('follows interfaces that come, lose their link, and go', async () => {
    const machine = lan.machine()
    const a = await start(1, machine)
    assert.deepEqual(a.discovery.status(), {})
    const eth0 = ethernet('eth0', 'w', '169.254.1.1/16')
    machine.interfaces = [{ ...eth0, carrier: false }]
    await clock.advance(1_000)
    assert.equal(a.discovery.status()['eth0']?.state, 'no-carrier')
    assert.equal(lan.sockets.size, 0)
    machine.interfaces = [eth0]
    const b = await start(2, lan.machine(ethernet('eth0', 'w', '169.254.1.2/16')))
    await clock.advance(1_200)
    assert.equal(a.found[0]?.[0], b.device)
    machine.interfaces = []
    await clock.advance(1_000)
    assert.deepEqual([a.discovery.status(), a.discovery.peers()], [{}, []])
  })

  it('tells a known peer again after the cable was out, because the connection may have died', async () => {
    const machine = lan.machine(ethernet('eth0', 'w', '169.254.1.1/16'))
    const a = await start(1, machine)
    const b = await start(2, lan.machine(ethernet('eth0', 'w', '169.254.1.2/16')))
    await clock.advance(6_000)
    a.found.length = 0
    machine.interfaces = machine.interfaces.map((one) => ({ ...one, carrier: false }))
    await clock.advance(1_000)
    machine.interfaces = machine.interfaces.map((one) => ({ ...one, carrier: true }))
    await clock.advance(1_200)
    assert.equal(a.found[0]?.[0], b.device)
  })

  it('opens its sockets anew when a device was pulled and put back between two looks', async () => {
    const machine = lan.machine({ ...ethernet('usb0', 'w', 'fe80::1/64'), index: 4 })
    await start(1, machine)
    const before = [...lan.sockets]
    machine.interfaces = machine.interfaces.map((one) => ({ ...one, index: 5 }))
    await clock.advance(1_000)
    assert.equal(lan.sockets.size, before.length)
    assert.ok(before.every((socket) => !lan.sockets.has(socket)))
  })

  it('says at once when its own address changed', async () => {
    const machine = lan.machine(ethernet('eth0', 'w', '192.168.0.1/24'))
    const a = await start(1, machine)
    const b = await start(2, lan.machine(ethernet('eth0', 'w', '192.168.0.2/24')))
    await clock.advance(100_000)
    machine.interfaces = [ethernet('eth0', 'w', '192.168.0.77/24')]
    await clock.advance(1_200)
    assert.equal(b.found[0]?.[0], a.device)
    assert.ok(b.found[0]?.[1].includes(`/ip4/192.168.0.77/tcp/7717/p2p/${a.device}`))
  })

  it('tells each network only its own addresses, and knows by the source where an IPv4 multicast came from', async () => {
    const router = await start(1, lan.machine(ethernet('lan', 'x', '192.168.1.1/24'), ethernet('wan', 'y', '192.168.2.1/24')))
    const left = await start(2, lan.machine(ethernet('eth0', 'x', '192.168.1.2/24')))
    const right = await start(3, lan.machine(ethernet('eth0', 'y', '192.168.2.2/24')))
    await clock.advance(10_000)
    assert.deepEqual(left.found.map(([peer, at]) => [peer, at]).at(-1), [router.device, [`/ip4/192.168.1.1/tcp/7717/p2p/${router.device}`]])
    assert.deepEqual(right.found.at(-1)?.[1], [`/ip4/192.168.2.1/tcp/7717/p2p/${router.device}`])
    assert.deepEqual(
      new Map(router.discovery.peers().map(({ peer, interfaces }) => [peer, interfaces])),
      new Map([
        [left.device, ['lan']],
        [right.device, ['wan']],
      ]),
    )
  })

  it('keeps a peer that answers by unicast when multicast has died, and forgets one that is gone', async () => {
    const a = await start(1, lan.machine(ethernet('wlan0', 'w', '192.168.0.1/24')))
    const b = await start(2, lan.machine(ethernet('wlan0', 'w', '192.168.0.2/24')))
    await clock.advance(10_000)
    lan.passes = ({ port }) => port !== 5353
    await clock.advance(4 * PROBE_AFTER_MS)
    assert.deepEqual(
      a.discovery.peers().map(({ peer }) => peer),
      [b.device],
    )
    await b.discovery.stop()
    await clock.advance(130_000)
    assert.deepEqual(a.discovery.peers(), [])
  })

  it('lets a node behind a closed port know what its neighbours see', async () => {
    const a = await start(1, lan.machine(ethernet('eth0', 'w', '192.168.0.1/24')))
    const b = await start(2, lan.machine(ethernet('eth0', 'w', '192.168.0.2/24')))
    await clock.advance(1_000)
    a.discovery.noteDial(b.device, 'closed')
    await settle()
    assert.deepEqual(b.discovery.viewsOfUs(), [{ peer: a.device, view: 'closed' }])
    a.discovery.noteDial(b.device, 'open')
    await settle()
    assert.deepEqual(b.discovery.viewsOfUs(), [{ peer: a.device, view: 'open' }])
  })

  it('never uses loopback, nor an interface without multicast', async () => {
    const lo = { ...ethernet('lo', 'w', '127.0.0.1/8', '::1/128'), loopback: true }
    const tun = { ...ethernet('tun0', 'w', '10.9.0.1/24'), multicast: false }
    const a = await start(1, lan.machine(lo, tun))
    assert.deepEqual(
      Object.entries(a.discovery.status()).map(([name, { state }]) => [name, state]),
      [['tun0', 'no-multicast']],
    )
    assert.equal(lan.sockets.size, 0)
  })

  it('is silent about a host that does not listen yet, and announces it when it does', async () => {
    const listen: string[] = []
    const a = await start(1, lan.machine(ethernet('eth0', 'w', '192.168.0.1/24')), listen)
    const b = await start(2, lan.machine(ethernet('eth0', 'w', '192.168.0.2/24')))
    await clock.advance(5_000)
    assert.deepEqual(b.found, [])
    listen.push('/ip4/0.0.0.0/tcp/7717')
    await clock.advance(1_200)
    assert.equal(b.found[0]?.[0], a.device)
  })

  it('survives a thousand invented peers and a host that throws', async () => {
    const machine = lan.machine(ethernet('eth0', 'w', '192.168.0.1/24'))
    const deps = {
      clock,
      log: silentLog,
      random: seededRandom(1),
      device: deviceNumber(1),
      addresses: () => ['/ip4/0.0.0.0/tcp/7717'],
      onPeer: () => {
        throw new Error('the host cannot')
      },
    }
    const discovery = new LanDiscovery(deps, { interfaces: machine, sockets: machine })
    await discovery.start()
    const liar = lan.machine(ethernet('eth0', 'w', '192.168.0.66/24'))
    const socket = await liar.open(
      { family: 4, interfaceName: 'eth0', ownAddress: '192.168.0.66', port: 0, hops: 1 },
      { onDatagram: () => undefined, onError: () => undefined },
    )
    for (let n = 0; n < 1_000; n++) {
      const key = new Uint8Array(32)
      new DataView(key.buffer).setUint32(0, n)
      const multiaddrs = [`/ip4/192.168.0.66/tcp/${n + 1}/p2p/${deviceIdOf(key)}`]
      await socket.send(encodePacket({ kind: 'answer', name: `n${n}`, multiaddrs, voicePort: 9 }), '224.0.0.251', 5353)
    }
    await clock.advance(1_000)
    assert.equal(discovery.peers().length, 16)
    await discovery.stop()
  })

  it('leaves nothing open and nobody waiting when it stops', async () => {
    const a = await start(1, lan.machine(ethernet('eth0', 'w', '169.254.1.1/16', 'fe80::1/64')))
    await clock.advance(5_000)
    await a.discovery.stop()
    assert.equal(lan.sockets.size, 0)
    assert.equal(clock.sleepers, 0)
  })
})
