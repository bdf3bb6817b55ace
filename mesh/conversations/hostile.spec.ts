/** What others may try: forged, stale and misplaced content, and the revocation of devices. */
import assert from 'node:assert/strict'
import { sealBox } from '#mesh/crypto'
import { type Envelope, type EnvelopeKind, padPayload, signEnvelope } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { bindAuthor, deriveAuthorSeed, issueCertificate, issueRevocation } from '#mesh/identity'
import { type Address, deviceIdOf, idBytes } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { type FakeClock, fakeClock, seededRandom } from '#mesh/testing'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { announcementsTo, befriend, bring, carried, type MeshPerson, type MeshPersonOptions, meetPeople, meshPerson, rest } from '../testing/mesh-people.ts'
import { encodeMessage, type MessageContent } from './message.ts'
import { sealContext } from './opened.ts'

const crypto = fakeCrypto()
const random = seededRandom('hostile')

describe('conversations among hostile people', () => {
  let clock: FakeClock
  let present: MeshPerson[]
  let a: MeshPerson
  let b: MeshPerson

  beforeEach(async () => {
    clock = fakeClock()
    present = []
    a = await start('alice')
    b = await start('bob')
    await befriend(clock, a, b)
  })

  afterEach(async () => {
    for (const person of present) await person.stop()
  })

  async function start(name: string, options: Partial<MeshPersonOptions> = {}): Promise<MeshPerson> {
    const person = await meshPerson(name, { clock, crypto, ...options })
    present.push(person)
    return person
  }

  interface Forgery {
    readonly content?: Partial<MessageContent>
    readonly authorSeed?: Uint8Array
    /** The key that the payload claims to be sealed for. */
    readonly sealedFor?: Uint8Array
    readonly address?: Address
    readonly kind?: EnvelopeKind
    readonly plaintext?: Uint8Array
  }

  /** A message from alice to bob, right in everything that is not said. */
  function forge(forgery: Forgery = {}): Envelope {
    const authorSeed = forgery.authorSeed ?? deriveAuthorSeed(a.deviceSeed, b.keys.person)
    const author = crypto.ed25519PublicKey(authorSeed)
    const address = forgery.address ?? b.conversations.ownInbox
    const content: MessageContent = {
      type: 'message',
      certificate: a.certificate,
      binding: bindAuthor(crypto, a.deviceSeed, author, b.keys.inboxKey),
      seq: 1,
      parents: [],
      text: 'hello',
      composedMs: clock.now(),
      ...forgery.content,
    }
    const context = sealContext(forgery.sealedFor ?? author, idBytes(address))
    const payload = sealBox({ crypto, random }, b.keys.sealKey, padPayload(forgery.plaintext ?? encodeMessage(content), 48), context)
    return signEnvelope(crypto, authorSeed, { priority: 'normal', kind: forgery.kind ?? 'inbox', address, stamp: a.hlc.next(), lifetimeS: 86_400, payload })
  }

  /** Bob takes it; says what became of it. */
  async function outcomeOf(envelope: Envelope): Promise<string> {
    const before = { ...b.conversations.counters }
    const verdict = await b.take(envelope.bytes, a)
    await rest(clock)
    const [outcome] = Object.entries(b.conversations.counters).flatMap(([reason, count]) => (count > (before[reason] ?? 0) ? [reason] : []))
    return outcome ?? verdict.kind
  }

  it('read what is right in everything', async () => {
    assert.equal(await outcomeOf(forge()), 'read')
    assert.deepEqual(b.shown(), ['hello'])
  })

  it('drop what does not prove its author, with the code', async () => {
    const stranger = new Uint8Array(32).fill(200)
    const strangerKey = crypto.ed25519PublicKey(stranger)
    const otherKey = crypto.ed25519PublicKey(new Uint8Array(32).fill(201))
    const binding = (key: Uint8Array, inbox = b.keys.inboxKey): Uint8Array => bindAuthor(crypto, stranger, key, inbox)
    const forgeries: [string, Forgery][] = [
      ['MESH_SIGNATURE_INVALID', { authorSeed: stranger, content: { binding: binding(strangerKey) } }],
      ['MESH_SIGNATURE_INVALID', { content: { binding: bindAuthor(crypto, a.deviceSeed, otherKey, b.keys.inboxKey) } }],
      [
        'MESH_SIGNATURE_INVALID',
        { content: { binding: bindAuthor(crypto, a.deviceSeed, crypto.ed25519PublicKey(deriveAuthorSeed(a.deviceSeed, b.keys.person)), a.keys.inboxKey) } },
      ],
      ['MESH_SEALED_UNREADABLE', { sealedFor: strangerKey }],
      ['MESH_CERTIFICATE_INVALID', { content: { certificate: a.certificate.map((byte, at) => (at === 80 ? byte ^ 1 : byte)) } }],
      ['MESH_CERTIFICATE_INVALID', { content: { card: cardBytesOf(b) } }],
      ['MESH_BYTES_INVALID', { plaintext: new Uint8Array(20_000).fill(0x81) }],
      ['misplaced', { kind: 'shared' }],
      ['misplaced', { kind: 'announcement' }],
      ['misplaced', { address: announcementsTo(a) }],
    ]
    for (const [code, forgery] of forgeries) {
      const envelope = forge(forgery)
      assert.equal(await outcomeOf(envelope), code)
      assert.ok(!b.store.has(envelope.id), 'what nobody can read takes no room')
      assert.equal((await b.take(envelope.bytes, a)).kind, 'ignore')
    }
    assert.deepEqual(b.shown(), [])
  })

  it('say why once a minute, however much is dropped', async () => {
    const warned: unknown[] = []
    b = await start('bert', { log: { ...silentLog, warn: (_, fields) => warned.push(fields?.['error']) } })
    const garbage = (): Envelope => forge({ plaintext: new Uint8Array(20_000).fill(0x81) })
    for (let i = 0; i < 3; i++) assert.equal(await outcomeOf(garbage()), 'MESH_BYTES_INVALID')
    assert.equal(await outcomeOf(forge({ sealedFor: new Uint8Array(32) })), 'MESH_SEALED_UNREADABLE')
    assert.deepEqual(
      warned.map((error) => isMeshError(error) && error.code),
      ['MESH_BYTES_INVALID', 'MESH_SEALED_UNREADABLE'],
    )
    await clock.advance(60_000)
    assert.equal(await outcomeOf(garbage()), 'MESH_BYTES_INVALID')
    assert.equal(warned.length, 3)
  })

  it('drop a payload that was wrapped anew under another author', async () => {
    await a.send(b, 'mine')
    const [envelope] = await carried(a, ({ address, kind }) => kind === 'inbox' && address === b.conversations.ownInbox)
    assert.ok(envelope !== undefined)
    const thief = signEnvelope(crypto, new Uint8Array(32).fill(77), envelope)
    assert.equal(await outcomeOf(thief), 'MESH_SEALED_UNREADABLE')
    assert.equal(await outcomeOf(envelope), 'read')
  })

  it('drop what a certificate no longer covers, and believe no expiry without a clock', async () => {
    const certify = (expiresMs: number): Uint8Array => issueCertificate(crypto, a.keys.personSeed, { device: a.device, createdMs: 1, expiresMs, name: 'alice' })
    assert.equal(await outcomeOf(forge({ content: { certificate: certify(clock.now() - 1) } })), 'MESH_CERTIFICATE_EXPIRED')
    assert.equal(await outcomeOf(forge({ content: { certificate: certify(clock.now() + 1_000) } })), 'read')
    clock.setWall(5_000)
    assert.equal(await outcomeOf(forge({ content: { certificate: certify(2) } })), 'read')
  })

  it('drop what a revoked device writes once the news has come, and the device itself refuses to write', async () => {
    await a.send(b, 'before')
    await bring(clock, a, b)
    const late = forge({ content: { text: 'written before, arriving after' } })
    await a.conversations.revokeDevice(a.device)
    await meetPeople(clock, a, b)
    assert.ok(b.contacts.isRevoked(a.keys.person, a.device))
    assert.equal((await carried(b, ({ kind }) => kind === 'announcement')).length, 1, 'it is carried on')
    assert.equal(await outcomeOf(late), 'MESH_DEVICE_REVOKED')
    await assert.rejects(a.send(b, 'after'), (error) => isMeshError(error, 'MESH_DEVICE_REVOKED') && error.hint !== undefined)
    assert.deepEqual(b.shown(), ['before'])
    const other = await start('alice', { deviceNumber: 5 })
    await bring(clock, b, other)
    assert.ok(other.contacts.isRevoked(a.keys.person, a.device), 'other devices of the person hear it as well')
  })

  it('apply a revocation before the messages that came with it', async () => {
    const late = forge()
    await a.conversations.revokeDevice(a.device)
    const [news] = await carried(a, ({ kind }) => kind === 'announcement')
    assert.ok(news !== undefined)
    await Promise.all([b.take(late.bytes, a), b.take(news.bytes, a)])
    await rest(clock)
    assert.deepEqual(b.shown(), [])
    assert.equal(b.conversations.counters['MESH_DEVICE_REVOKED'], 1)
  })

  it('hear of a revocation that was here before the person was known', async () => {
    const carol = await start('carol')
    await a.conversations.revokeDevice(a.device)
    await bring(clock, a, carol)
    assert.ok(!carol.contacts.isRevoked(a.keys.person, a.device))
    await carol.conversations.addContact(a.uri, undefined)
    await rest(clock)
    assert.ok(carol.contacts.isRevoked(a.keys.person, a.device))
  })

  it('do not carry what others announce in the name of a person, nor what strangers repeat', async () => {
    const announce = (seed: Uint8Array, payload: Uint8Array, person = a): Envelope =>
      signEnvelope(crypto, seed, {
        priority: 'critical',
        kind: 'announcement',
        address: announcementsTo(person),
        stamp: a.hlc.next(),
        lifetimeS: 86_400,
        payload,
      })
    const device = deviceIdOf(new Uint8Array(32).fill(5))
    const foreign = issueRevocation(crypto, b.keys.personSeed, { device, atMs: 1 })
    const right = issueRevocation(crypto, a.keys.personSeed, { device, atMs: 1 })
    const junk = announce(new Uint8Array(32).fill(9), right)
    assert.equal(await outcomeOf(junk), 'misplaced')
    assert.ok(!b.store.has(junk.id) && !b.contacts.isRevoked(a.keys.person, device))
    await outcomeOf(announce(a.keys.personSeed, foreign))
    await outcomeOf(announce(a.keys.personSeed, new Uint8Array(30)))
    assert.ok(!b.contacts.isRevoked(a.keys.person, device) && !b.contacts.isRevoked(b.keys.person, device))
    const stranger = await start('mallory')
    await stranger.conversations.addContact(b.uri, undefined)
    await bring(clock, stranger, b)
    const own = issueRevocation(crypto, stranger.keys.personSeed, { device, atMs: 1 })
    assert.equal(await outcomeOf(announce(stranger.keys.personSeed, own, stranger)), 'revocation')
    assert.equal(await outcomeOf(announce(stranger.keys.personSeed, own, stranger)), 'repeated')
  })

  function cardBytesOf(person: MeshPerson): Uint8Array {
    return a.contacts.find(person.keys.person).card.bytes
  }
})
