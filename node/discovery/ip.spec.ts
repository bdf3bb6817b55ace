import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Ip, isLinkLocal, isLoopback, isOnLink, isPrivate, isSameIp, isUnspecified, isUnusable, parseIp } from './ip.ts'

function ip(text: string): Ip {
  const parsed = parseIp(text)
  assert.ok(parsed, text)
  return parsed
}

describe('IP addresses', () => {
  it('parses both families to the bytes a browser would', () => {
    assert.deepEqual([...ip('169.254.1.255').bytes], [169, 254, 1, 255])
    assert.deepEqual([...ip('fe80::1:ff').bytes], [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xff])
    assert.deepEqual([...ip('::ffff:10.0.0.1').bytes.slice(10)], [0xff, 0xff, 10, 0, 0, 1])
    assert.deepEqual([...ip('1:2:3:4:5:6:7::').bytes], [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0])
  })

  it('gives the same bytes for every way to write an IPv6 address', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1)
        return isSameIp(ip(text), canonical)
      }),
    )
  })

  it('refuses what is no address, and zones', () => {
    for (const text of ['', '1.2.3', '1.2.3.256', 'fe80::1%eth0', 'localhost', '12345::', ':::']) assert.equal(parseIp(text), undefined, text)
  })

  it('tells kinds of addresses apart', () => {
    for (const text of ['169.254.0.1', 'fe80::1', 'febf::1']) assert.ok(isLinkLocal(ip(text)), text)
    for (const text of ['10.1.2.3', '172.31.0.1', '192.168.0.1', '100.64.0.1', 'fd00::1']) assert.ok(isPrivate(ip(text)), text)
    for (const text of ['8.8.8.8', '172.32.0.1', '2001:db8::1', '100.128.0.1', 'fec0::1']) assert.ok(!isPrivate(ip(text)) && !isLinkLocal(ip(text)), text)
    for (const text of ['127.9.9.9', '::1']) assert.ok(isLoopback(ip(text)), text)
    for (const text of ['0.0.0.0', '224.0.0.251', '255.255.255.255', '::', 'ff02::fb', '::ffff:127.0.0.1']) assert.ok(isUnusable(ip(text)), text)
    for (const text of ['0.0.0.0', '::']) assert.ok(isUnspecified(ip(text)), text)
    assert.ok(!isUnspecified(ip('0.0.0.1')))
  })

  it('knows what is on the link by the prefixes of the interface', () => {
    const iface = {
      addresses: [{ address: '192.0.2.9', family: 4, prefixLength: 28 } as const, { address: '2001:db8::9', family: 6, prefixLength: 64 } as const],
    }
    assert.ok(isOnLink(ip('192.0.2.14'), iface))
    assert.ok(!isOnLink(ip('192.0.2.16'), iface))
    assert.ok(isOnLink(ip('2001:db8::ffff'), iface))
    assert.ok(!isOnLink(ip('2001:db8:0:1::9'), iface))
  })
})
