import assert from 'node:assert/strict'
import { portableCrypto } from '#mesh/crypto'
import { fastCrypto } from './fast-crypto.ts'

const bytes = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value)

describe('simulated signatures', () => {
  const crypto = fastCrypto(portableCrypto())
  const [seed, message] = [bytes(1), bytes(9, 300)]
  const key = crypto.ed25519PublicKey(seed)
  const signature = crypto.ed25519Sign(seed, message)

  it('are accepted for the key and the message that they were made for', () => {
    assert.equal(signature.length, 64)
    assert.equal(crypto.ed25519Verify(key, message, signature), true)
  })

  it('are refused for another key, another message, and when a bit or their length is wrong', () => {
    const flipped = signature.slice()
    flipped[63] = (flipped[63] ?? 0) ^ 1
    assert.equal(crypto.ed25519Verify(crypto.ed25519PublicKey(bytes(2)), message, signature), false)
    assert.equal(crypto.ed25519Verify(key, bytes(9, 301), signature), false)
    assert.equal(crypto.ed25519Verify(key, message, flipped), false)
    assert.equal(crypto.ed25519Verify(key, message, signature.subarray(1)), false)
    assert.equal(crypto.ed25519Verify(key.subarray(1), message, signature), false)
  })

  it('are refused when somebody else signs and claims the key, as a forger does', () => {
    const liar = { ...crypto, ed25519PublicKey: () => key }
    assert.equal(crypto.ed25519Verify(key, message, liar.ed25519Sign(bytes(3), message)), false)
  })

  it('come with shared secrets that both sides find and no third', () => {
    const [a, b, c] = [bytes(4), bytes(5), bytes(6)]
    const shared = crypto.x25519(a, crypto.x25519PublicKey(b))
    assert.deepEqual(crypto.x25519(b, crypto.x25519PublicKey(a)), shared)
    assert.notDeepEqual(crypto.x25519(c, crypto.x25519PublicKey(a)), shared)
  })
})
