import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ByteReader, ByteWriter } from '#mesh/codec'
import { portableCrypto } from '#mesh/crypto'
import { isMeshError } from '#mesh/errors'
import { deviceIdOf, personIdOf } from '#mesh/ids'
import { bindAuthor, isAuthorBound } from './author.ts'
import { cardUri, issueCard, MAX_CARD_URI_CHARACTERS, parseCardUri, readCard } from './card.ts'
import { assertCertificateValid, issueCertificate, readCertificate } from './certificate.ts'
import { cleanName, readName } from './name.ts'
import { deriveAuthorSeed, derivePerson } from './person.ts'
import { issueRevocation, readRevocation } from './revocation.ts'
import { fingerprint, safetyNumber } from './safety-number.ts'
import { entropyOfWords, wordsOf } from './words.ts'

const crypto = portableCrypto()
const ENTROPY = new Uint8Array(32).fill(7)
const keys = derivePerson(crypto, ENTROPY)
const deviceSeed = new Uint8Array(32).fill(8)
const device = deviceIdOf(crypto.ed25519PublicKey(deviceSeed))
const NOW = 1_790_000_000_000

describe('24 words', () => {
  it('keep the entropy, in any case and spacing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (entropy) => {
        const words = wordsOf(entropy)
        assert.equal(words.split(' ').length, 24)
        assert.deepEqual(entropyOfWords(`  ${words.toUpperCase().replaceAll(' ', '\n\t')} `), entropy)
      }),
      { numRuns: 20 },
    )
  })

  it('may stand in a numbered list, as they are shown', () => {
    const list = wordsOf(ENTROPY)
      .split(' ')
      .map((word, i) => `${i + 1}. ${word}`)
    assert.deepEqual(entropyOfWords(list.join('\n')), ENTROPY)
  })

  it('say which word is wrong and what was meant', () => {
    const words = wordsOf(new Uint8Array(32)).split(' ')
    words[3] = 'abandn'
    assert.throws(
      () => entropyOfWords(words.join(' ')),
      (error) => isMeshError(error, 'MESH_WORDS_INVALID') && error.message.includes('word 4') && (error.hint ?? '').includes('abandon'),
    )
  })

  it('are refused when one is missing, two have changed places, or there is no end', () => {
    const words = wordsOf(ENTROPY).split(' ')
    const swapped = [words[1], words[0], ...words.slice(2)].join(' ')
    for (const text of ['', words.slice(1).join(' '), swapped, 'abandon '.repeat(10_000)]) {
      assert.throws(
        () => entropyOfWords(text),
        (error) => isMeshError(error, 'MESH_WORDS_INVALID'),
      )
    }
  })
})

describe('a person', () => {
  it('has the same keys from the same words, and other inbox keys in another generation', () => {
    assert.deepEqual(derivePerson(crypto, ENTROPY), keys)
    const next = derivePerson(crypto, ENTROPY, 1)
    assert.equal(next.person, keys.person)
    assert.notDeepEqual(next.inboxKey, keys.inboxKey)
    assert.notDeepEqual(next.sealKey, keys.sealKey)
  })

  it('writes to each contact with another key, which the device signs for', () => {
    const [one, two] = [personIdOf(new Uint8Array(32).fill(1)), personIdOf(new Uint8Array(32).fill(2))]
    const seed = deriveAuthorSeed(deviceSeed, one)
    assert.notDeepEqual(seed, deriveAuthorSeed(deviceSeed, two))
    const author = crypto.ed25519PublicKey(seed)
    const binding = bindAuthor(crypto, deviceSeed, author, keys.inboxKey)
    assert.ok(isAuthorBound(crypto, device, author, keys.inboxKey, binding))
    assert.ok(!isAuthorBound(crypto, device, author, keys.sealKey, binding))
    assert.ok(!isAuthorBound(crypto, keys.person === one ? device : deviceIdOf(keys.inboxKey), author, keys.inboxKey, binding))
  })

  it('has a safety number with another that is equal on both sides and differs with a third', () => {
    const other = derivePerson(crypto, new Uint8Array(32).fill(9)).person
    const number = safetyNumber(keys.person, other)
    assert.match(number, /^(\d{5} ){11}\d{5}$/)
    assert.equal(safetyNumber(other, keys.person), number)
    assert.notEqual(safetyNumber(keys.person, keys.person), number)
    assert.equal(fingerprint(other).length, 8)
  })
})

describe('a certificate', () => {
  const bytes = issueCertificate(crypto, keys.personSeed, { device, createdMs: NOW, expiresMs: NOW + 1_000, name: 'kitchen' })

  it('says who, which device and until when', () => {
    const { person, device: certified, createdMs, expiresMs, name } = readCertificate(crypto, bytes)
    assert.deepEqual(
      { person, certified, createdMs, expiresMs, name },
      { person: keys.person, certified: device, createdMs: NOW, expiresMs: NOW + 1_000, name: 'kitchen' },
    )
  })

  it('counts neither after its time nor after its device was revoked', () => {
    const certificate = readCertificate(crypto, bytes)
    const nobody = (): boolean => false
    assertCertificateValid(certificate, NOW + 500, nobody)
    assert.throws(
      () => assertCertificateValid(certificate, NOW + 1_001, nobody),
      (error) => isMeshError(error, 'MESH_CERTIFICATE_EXPIRED') && error.hint !== undefined,
    )
    assert.throws(
      () => assertCertificateValid(certificate, NOW, () => true),
      (error) => isMeshError(error, 'MESH_DEVICE_REVOKED') && error.hint !== undefined,
    )
  })

  it('is not judged by a machine without a clock', () => assertCertificateValid(readCertificate(crypto, bytes), 1_000, () => false))

  it('survives no flipped byte, no cut and no repetition', () => survivesNothing(bytes, (changed) => readCertificate(crypto, changed)))
})

describe('a revocation', () => {
  const bytes = issueRevocation(crypto, keys.personSeed, { device, atMs: NOW })

  it('names person, device and time', () => {
    const { person, device: revoked, atMs } = readRevocation(crypto, bytes)
    assert.deepEqual([person, revoked, atMs], [keys.person, device, NOW])
  })

  it('survives no flipped byte, no cut and no repetition', () => survivesNothing(bytes, (changed) => readRevocation(crypto, changed)))
})

describe('a contact card', () => {
  const hint = new Uint8Array(8).fill(4)
  const card = issueCard(crypto, keys, { issuedS: 1_790_000_000, name: 'Zoë', hints: [hint] })

  it('travels as a link and comes back the same, with the white space of a mail program', () => {
    const uri = cardUri(card)
    const broken = ` ${uri.slice(0, 40)}\n  ${uri.slice(40)}\n`
    assert.deepEqual(parseCardUri(crypto, broken), card)
    assert.deepEqual([card.name, card.person, card.hints.length], ['Zoë', keys.person, 1])
  })

  it('never makes a link of more than 300 characters, whatever name and hints', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32 }), fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 }), (length, hints) => {
        const made = issueCard(crypto, keys, { issuedS: 1, name: 'n'.repeat(length), hints })
        assert.ok(cardUri(made).length <= MAX_CARD_URI_CHARACTERS)
        assert.deepEqual(made.hints, hints.slice(0, made.hints.length))
      }),
      { numRuns: 15 },
    )
  })

  it('survives no flipped byte, no cut and no repetition', () => survivesNothing(card.bytes, (changed) => readCard(crypto, changed)))

  it('is refused as a link with a sentence and what to do', () => {
    const uri = cardUri(card)
    for (const text of [
      '',
      'hello',
      'https://example.org',
      'qpq://x/AAAA',
      'qpq://c/',
      'qpq://c/!!!',
      uri.slice(0, -1),
      `${uri}A`,
      uri.replace('qpq://c/A', 'qpq://c/B'),
      'q'.repeat(1_000_000),
    ]) {
      assert.throws(
        () => parseCardUri(crypto, text),
        (error) => isMeshError(error, 'MESH_URI_INVALID') && error.hint !== undefined,
        text.slice(0, 40),
      )
    }
  })
})

describe('a name', () => {
  it('is kept in one form', () => assert.equal(cleanName('  Zoe\u0308  of\u00a0the attic '), 'Zoë of the attic'))

  it('may be drawn in colour, and in letters that this runtime does not know yet', () => {
    for (const text of ['\u2764\ufe0f', '\u{1f9f6} knits', '\u{3fff0}']) assert.equal(cleanName(text), text)
  })

  it('is refused as the fault of whoever wrote it when a card or certificate holds another form', () => {
    for (const name of ['', ' a', 'a\u202eb', 'e\u0301']) {
      const reader = new ByteReader(new ByteWriter().text8(name).finish())
      assert.throws(
        () => readName(reader),
        (error) => isMeshError(error, 'MESH_BYTES_INVALID') && error.blame === 'peer',
        JSON.stringify(name),
      )
    }
  })

  it('holds no control, bidi or invisible characters, and fits', () => {
    for (const text of ['', '   ', 'a\u0007b', 'a\u202eb', 'a\u200bb', 'a\u3164b', 'a\ud800b', 'a\nb', 'x'.repeat(33), 'ä'.repeat(17)]) {
      assert.throws(
        () => cleanName(text),
        (error) => isMeshError(error, 'MESH_NAME_INVALID'),
        JSON.stringify(text),
      )
    }
  })
})

describe('signed records', () => {
  it('are kept as they were read, whatever becomes of the Buffer that they came in', () => {
    const about = { device, createdMs: NOW, expiresMs: NOW + 1_000, name: 'laptop' }
    const written: [Uint8Array, (bytes: Uint8Array) => { readonly bytes: Uint8Array }][] = [
      [issueCertificate(crypto, keys.personSeed, about), (bytes) => readCertificate(crypto, bytes)],
      [issueRevocation(crypto, keys.personSeed, { device, atMs: NOW }), (bytes) => readRevocation(crypto, bytes)],
      [issueCard(crypto, keys, { issuedS: 1, name: 'lea' }).bytes, (bytes) => readCard(crypto, bytes)],
    ]
    for (const [bytes, read] of written) {
      const buffer = Buffer.from(bytes)
      const record = read(buffer)
      buffer.fill(0)
      assert.deepEqual(record.bytes, bytes)
    }
  })

  it('give keys of a card that do not change with the Buffer either', () => {
    const buffer = Buffer.from(issueCard(crypto, keys, { issuedS: 1, name: 'lea', hints: [Uint8Array.of(4, 5)] }).bytes)
    const card = readCard(crypto, buffer)
    buffer.fill(0)
    assert.deepEqual([card.personKey, card.inboxKey, card.sealKey, ...card.hints], [keys.personKey, keys.inboxKey, keys.sealKey, Uint8Array.of(4, 5)])
  })
})

/** Flips a bit of each byte, cuts at every length, and repeats: nothing of it may be read, and nothing may crash. */
function survivesNothing(bytes: Uint8Array, read: (bytes: Uint8Array) => unknown): void {
  const refused = (error: unknown): boolean => isMeshError(error)
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice()
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
    assert.throws(() => read(changed), refused, `byte ${at}`)
    assert.throws(() => read(bytes.subarray(0, at)), refused, `cut at ${at}`)
  }
  assert.throws(() => read(Uint8Array.of(...bytes, ...bytes)), refused)
}
