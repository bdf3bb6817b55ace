import assert from 'node:assert/strict'
import { crc32c } from './crc32c.ts'

describe('the checksum', () => {
  it('is the one that other programs compute', () => {
    assert.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283)
    assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa, 'RFC 3720, B.4')
    assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  })
})
