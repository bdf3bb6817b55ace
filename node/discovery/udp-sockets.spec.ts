import assert from 'node:assert/strict'
import type { DatagramSource } from './ports.ts'
import { udpSockets } from './udp-sockets.ts'

const lo = { family: 4, interfaceName: 'lo', ownAddress: '127.0.0.1', port: 0, hops: 1 } as const

describe('UDP sockets', () => {
  it('speak by unicast from a port of their own', async () => {
    const { promise, resolve } = Promise.withResolvers<[string, DatagramSource]>()
    const hearer = await udpSockets().open(lo, { onDatagram: (bytes, from) => resolve([Buffer.from(bytes).toString(), from]), onError: assert.fail })
    const speaker = await udpSockets().open(lo, { onDatagram: () => undefined, onError: assert.fail })
    try {
      await speaker.send(Buffer.from('hello'), '127.0.0.1', hearer.port)
      assert.deepEqual(await promise, ['hello', { address: '127.0.0.1', port: speaker.port }])
    } finally {
      hearer.close()
      speaker.close()
    }
  })

  it('reject with the code of the system when an address is not there', async () => {
    const request = { ...lo, ownAddress: '192.0.2.250' }
    await assert.rejects(udpSockets().open(request, { onDatagram: () => undefined, onError: assert.fail }), { code: 'EADDRNOTAVAIL' })
  })
})
