import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemInterfaces } from './system-interfaces.ts'

describe('the interfaces of the machine', () => {
  let root: string

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'qpq-net-'))
  })

  afterEach(() => rmSync(root, { recursive: true }))

  function device(name: string, files: Record<string, string>): void {
    mkdirSync(join(root, name))
    for (const [file, text] of Object.entries(files)) writeFileSync(join(root, name, file), `${text}\n`)
  }

  const ipv4 = (address: string, bits: number, internal = false) =>
    ({ address, netmask: '', family: 'IPv4', mac: '', internal, cidr: `${address}/${bits}` }) as const

  it('are seen with and without an address, with switch, carrier and kind', () => {
    device('eth0', { flags: '0x1003', ifindex: '2', carrier: '0' })
    device('wlan0', { flags: '0x1003', ifindex: '3', carrier: '1' })
    device('eth1', { flags: '0x1002', ifindex: '4' })
    device('lo', { flags: '0x9', ifindex: '1', carrier: '1' })
    const list = systemInterfaces(root, () => ({ wlan0: [ipv4('169.254.3.4', 16)], lo: [ipv4('127.0.0.1', 8, true)] })).list()
    const byName = new Map(list.map((one) => [one.name, one]))
    assert.deepEqual(byName.get('wlan0'), {
      name: 'wlan0',
      index: 3,
      up: true,
      carrier: true,
      multicast: true,
      loopback: false,
      addresses: [{ address: '169.254.3.4', family: 4, prefixLength: 16 }],
    })
    assert.deepEqual([byName.get('eth0')?.carrier, byName.get('eth0')?.addresses], [false, []])
    assert.deepEqual([byName.get('eth1')?.up, byName.get('eth1')?.carrier], [false, undefined])
    assert.equal(byName.get('lo')?.loopback, true)
  })

  it('are those with an address where the system shows nothing else', () => {
    const list = systemInterfaces(join(root, 'nothing'), () => ({ en0: [ipv4('10.0.0.1', 8)] })).list()
    assert.deepEqual(list, [
      { name: 'en0', up: true, carrier: undefined, multicast: true, loopback: false, addresses: [{ address: '10.0.0.1', family: 4, prefixLength: 8 }] },
    ])
  })
})
