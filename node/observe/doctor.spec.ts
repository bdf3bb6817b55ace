import assert from 'node:assert/strict'
import type { NetworkInterface } from '#node/discovery'
import { type DoctorFacts, type DoctorInterface, diagnose } from './doctor.ts'
import { interfaceFacts } from './interface-facts.ts'

const NOW = 1_790_000_000_000
const up: NetworkInterface = {
  name: 'eth0',
  up: true,
  carrier: true,
  multicast: true,
  loopback: false,
  addresses: [{ address: '169.254.1.1', family: 4, prefixLength: 16 }],
}
const lo: DoctorInterface = { facts: { ...up, name: 'lo', loopback: true, multicast: false } }

function anInterface(facts: Partial<NetworkInterface> = {}, discovery: Partial<NonNullable<DoctorInterface['discovery']>> = {}): DoctorInterface {
  return { facts: { ...up, ...facts }, discovery: { state: 'up', sent: 9, received: 0, errors: 0, upS: 60, ...discovery } }
}

function codes(facts: Partial<DoctorFacts>): string[] {
  const { findings } = diagnose({ interfaces: [anInterface({}, { heardS: 3 })], peers: 1, nowMs: NOW, ...facts })
  return findings.filter(({ code }) => code !== 'ok').map(({ level, code, subject }) => `${level} ${code} ${subject}`)
}

describe('the doctor', () => {
  it('finds a node healthy that hears others', () => {
    const report = diagnose({
      interfaces: [lo, anInterface({}, { heardS: 3 })],
      peers: 2,
      nowMs: NOW,
      clockOffsetsMs: [5, -9],
      store: { full: false, bytes: 1, limitBytes: 100 },
      quic: true,
    })
    assert.equal(report.healthy, true)
    assert.deepEqual(
      report.findings.map(({ code, advice }) => [code, advice]),
      [
        ['ok', ''],
        ['ok', ''],
        ['ok', ''],
      ],
    )
  })

  it('says when there is no interface, or all are off', () => {
    assert.deepEqual(codes({ interfaces: [lo] }), ['problem no-interface network'])
    assert.deepEqual(codes({ interfaces: [lo, anInterface({ up: false })] }), ['problem no-interface eth0'])
  })

  it('says what an interface lacks: link, address, permission to send', () => {
    assert.deepEqual(codes({ interfaces: [anInterface({ carrier: false })] }), ['problem no-carrier eth0'])
    assert.deepEqual(codes({ interfaces: [anInterface({ addresses: [] })] }), ['problem no-address eth0'])
    const refused = anInterface({}, { sent: 0, errors: 7, lastError: 'sending to 224.0.0.251: ENETUNREACH' })
    assert.deepEqual(codes({ interfaces: [refused] }), ['problem multicast-send-error eth0'])
    assert.deepEqual(codes({ interfaces: [anInterface({}, { state: 'partial', lastError: 'joining ff02::fb port 5353: EADDRINUSE' })] }), [
      'warning multicast-send-error eth0',
    ])
    assert.deepEqual(codes({ interfaces: [anInterface({}, { state: 'no-multicast' })] }), ['note multicast-send-error eth0'])
  })

  it('does not call an unplugged cable a fault while another network works', () => {
    const report = diagnose({ interfaces: [anInterface({ carrier: false }), anInterface({ name: 'wlan0' }, { heardS: 1 })], peers: 1, nowMs: NOW })
    assert.equal(report.healthy, true)
    assert.deepEqual(
      report.findings.map(({ level }) => level),
      ['note', 'ok'],
    )
  })

  it('tells silence of a filter from an empty LAN, and waits before it judges', () => {
    assert.deepEqual(codes({ interfaces: [anInterface({}, { upS: 5 })] }), ['note nothing-heard eth0'])
    assert.deepEqual(codes({ interfaces: [anInterface({}, { upS: 90, multicastHeardS: 4 })] }), ['note nothing-heard eth0'])
    assert.deepEqual(codes({ interfaces: [anInterface({}, { upS: 90 })] }), ['warning nothing-heard eth0'])
  })

  it('repeats what neighbours say about the port, and what was found at theirs', () => {
    const closed = { peer: 'x', view: 'closed' } as const
    assert.deepEqual(codes({ viewsOfUs: [closed], listenPort: 7717 }), ['problem port-closed TCP port 7717'])
    assert.deepEqual(codes({ viewsOfUs: [closed, { peer: 'y', view: 'open' }] }), ['warning port-closed the port of this node'])
    assert.deepEqual(codes({ ourViews: [closed, { peer: 'y', view: 'open' }] }), ['warning port-closed x'])
  })

  it('judges the clock by the median of the neighbours, and knows one that was never set', () => {
    assert.deepEqual(codes({ clockOffsetsMs: [3_600_000, 3_600_500, -5] }), ['warning clock-off clock'])
    assert.deepEqual(codes({ clockOffsetsMs: [9_999_999_999, 100, -100] }), [])
    assert.deepEqual(codes({ clockOffsetsMs: [9_999_999_999, 100] }), [])
    assert.deepEqual(codes({ nowMs: 12_000, clockOffsetsMs: [1_790_000_000_000] }), ['warning clock-off clock'])
    const { findings } = diagnose({ interfaces: [], peers: 0, nowMs: NOW, clockOffsetsMs: [3_600_000 * 5] })
    assert.match(findings.at(-1)?.message ?? '', /5 hours behind its neighbour\./)
  })

  it('speaks about a store that is full or nearly so, and about missing QUIC', () => {
    assert.deepEqual(codes({ store: { full: true, bytes: 100, limitBytes: 100 } }), ['problem store-full store'])
    assert.deepEqual(codes({ store: { full: true, bytes: 1, limitBytes: 100 } }), ['problem store-full disk'])
    assert.deepEqual(codes({ store: { full: false, bytes: 95, limitBytes: 100 } }), ['warning store-full store'])
    assert.deepEqual(codes({ quic: false }), ['note quic-missing quic'])
  })

  it('gives advice with everything that is not well', () => {
    const interfaces = [
      anInterface({ carrier: false }),
      anInterface({ addresses: [] }),
      anInterface({}, { state: 'failed', lastError: 'x: EPERM' }),
      anInterface(),
    ]
    const { findings } = diagnose({
      interfaces,
      peers: 0,
      nowMs: 0,
      quic: false,
      viewsOfUs: [{ peer: 'x', view: 'closed' }],
      store: { full: true, bytes: 1, limitBytes: 1 },
    })
    for (const { code, advice, message } of findings) assert.ok(advice.length > 10 && message.endsWith('.'), code)
  })

  it('gets its facts from the machine and from discovery', () => {
    const status = { state: 'up', sent: 1, received: 2, errors: 0 } as const
    const found = interfaceFacts({ status: () => ({ eth0: status }) }, { list: () => [up, lo.facts] })
    assert.deepEqual(found, [{ facts: up, discovery: status }, { facts: lo.facts }])
  })
})
