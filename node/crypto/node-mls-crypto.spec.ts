import assert from 'node:assert/strict'
import { decodeUtf8, encodeUtf8 } from '#mesh/codec'
import { portableCrypto } from '#mesh/crypto'
import { isMeshError } from '#mesh/errors'
import { MAX_POST_QUANTUM_MEMBERS, type MlsCrypto, portableMlsCrypto, portablePrimitives, SUITE_AES, SUITE_CHACHA, SUITE_POST_QUANTUM } from '#mesh/mls'
import { MlsRoom, seededRandom } from '#mesh/testing'
import { nodeCrypto } from './node-crypto.ts'
import { nodeMlsCrypto, nodePrimitives } from './node-mls-crypto.ts'
import { systemRandom } from './system.ts'

const node = nodeMlsCrypto(nodeCrypto(), systemRandom)
const portable = portableMlsCrypto(portableCrypto(), systemRandom)

describe('hashes and ciphers for MLS', () => {
  const random = seededRandom('primitives')

  it('are the same in OpenSSL and in plain JavaScript', () => {
    for (const length of [0, 1, 63, 64, 65, 127, 128, 129, 200]) {
      const [data, key] = [random.bytes(length), random.bytes(length)]
      for (const name of ['sha256', 'sha512'] as const) {
        assert.deepEqual(nodePrimitives[name].digest(data), portablePrimitives[name].digest(data))
        assert.deepEqual(nodePrimitives[name].hmac(key, data), portablePrimitives[name].hmac(key, data))
      }
      for (const name of ['aes128', 'aes256', 'chacha'] as const) {
        const aead = nodePrimitives[name]
        const [secret, nonce, associated] = [random.bytes(aead.keyBytes), random.bytes(12), random.bytes(length % 7)]
        const sealed = aead.seal(secret, nonce, associated, data)
        assert.deepEqual(portablePrimitives[name].seal(secret, nonce, associated, data), sealed)
        for (const primitives of [nodePrimitives, portablePrimitives]) {
          assert.deepEqual(primitives[name].open(secret, nonce, associated, sealed), data)
          assert.equal(primitives[name].open(secret, nonce, Uint8Array.of(...associated, 1), sealed), undefined)
          assert.equal(primitives[name].open(secret, nonce, associated, sealed.subarray(1)), undefined)
        }
      }
    }
  })
})

describe('cipher suites', () => {
  const contract = (name: string, crypto: MlsCrypto, other: MlsCrypto, id: number): void => {
    it(`${id} of ${name} seals what ${other.name} opens`, async () => {
      const [from, to] = [crypto.suite(id), other.suite(id)]
      assert.ok(from && to)
      const pair = await to.hpke.deriveKeyPair(encodeUtf8('key material that is long enough'))
      const publicKey = await to.hpke.exportPublicKey(pair.publicKey)
      const info = encodeUtf8('info')
      const sealed = await from.hpke.seal(await from.hpke.importPublicKey(publicKey), encodeUtf8('text'), info)
      assert.equal(decodeUtf8(await to.hpke.open(pair.privateKey, sealed.enc, sealed.ct, info)), 'text')
      const exported = await from.hpke.exportSecret(await from.hpke.importPublicKey(publicKey), info, 40, info)
      assert.deepEqual(await to.hpke.importSecret(pair.privateKey, info, exported.enc, 40, info), exported.secret)
      await assert.rejects(to.hpke.open(pair.privateKey, sealed.enc, sealed.ct, encodeUtf8('other')))
      assert.ok(await to.isKeyPair(await to.hpke.exportPrivateKey(pair.privateKey), publicKey))
      assert.ok(!(await to.isKeyPair(new Uint8Array(32).fill(1), publicKey)))
      const { signKey, publicKey: verifyKey } = await from.signature.keygen()
      const signature = await from.signature.sign(signKey, info)
      assert.ok(await to.signature.verify(verifyKey, info, signature))
      assert.ok(!(await to.signature.verify(verifyKey, Uint8Array.of(1), signature)))
    })
  }
  for (const id of [SUITE_AES, SUITE_CHACHA]) {
    contract('node', node, portable, id)
    contract('portable', portable, node, id)
  }
  contract('node', node, node, SUITE_POST_QUANTUM)

  it('are three on a node, two in plain JavaScript, and no others', () => {
    const known = (crypto: MlsCrypto) => [...Array(0x100).keys()].filter((id) => crypto.suite(id) !== undefined)
    assert.deepEqual(known(node), [SUITE_AES, SUITE_CHACHA, SUITE_POST_QUANTUM])
    assert.deepEqual(known(portable), [SUITE_AES, SUITE_CHACHA])
  })

  it('have keys and ciphertexts as long as X-Wing has them', async () => {
    const suite = node.suite(SUITE_POST_QUANTUM)
    assert.ok(suite)
    const { publicKey } = await suite.hpke.generateKeyPair()
    assert.equal((await suite.hpke.exportPublicKey(publicKey)).length, 1216)
    assert.equal((await suite.hpke.seal(publicKey, encodeUtf8('x'), encodeUtf8('y'))).enc.length, 1120)
  })
})

describe('groups with real keys', () => {
  for (const suite of [SUITE_AES, SUITE_CHACHA, SUITE_POST_QUANTUM]) {
    it(`of suite ${suite} go through adding, renewing, removing and writing`, async () => {
      const room = await new MlsRoom(`real ${suite}`, { crypto: nodeCrypto(), mls: node, suite }).open('a', 'b', 'c')
      for (const name of ['a', 'b', 'c']) await room.commit(name)
      await room.remove('b', 'a')
      room.states.delete('a')
      await room.add('c', 'd')
      const received = await room.deliver('d', await room.say('b', 'hello'))
      assert.equal(received.kind === 'application' ? decodeUtf8(received.text) : '', 'hello')
      assert.equal(await room.agreed('d'), await room.agreed('c'))
    })
  }

  it('of a post-quantum suite end at their limit of members', async () => {
    const room = new MlsRoom('full', { crypto: nodeCrypto(), mls: node, suite: SUITE_POST_QUANTUM })
    await room.open('m0')
    const packages = await Promise.all(Array.from({ length: MAX_POST_QUANTUM_MEMBERS }, async (_, i) => room.keyPackage(`n${i}`)))
    const all = packages.map(({ bytes }) => ({ kind: 'add', keyPackage: bytes }) as const)
    await assert.rejects(room.engine.commit(room.of('m0'), all), (error) => isMeshError(error, 'MESH_MLS_INVALID') && /too many members/.test(error.message))
    const made = await room.engine.commit(room.of('m0'), all.slice(1))
    assert.equal(made.state.epoch, 1n)
  })
})
