import assert from 'node:assert/strict'
import { portableCrypto } from '#mesh/crypto'
import { deviceIdOf, parseDeviceId } from '#mesh/ids'
import { cardUri, issueCard, parseCardUri } from './card.ts'
import { issueCertificate, readCertificate } from './certificate.ts'
import { deriveAuthorSeed, deriveHistoryKey, derivePerson } from './person.ts'
import { issueRevocation, readRevocation } from './revocation.ts'
import { fingerprint, safetyNumber } from './safety-number.ts'
import { entropyOfWords } from './words.ts'

/** What version 1 wrote. Whoever has to change a line of it makes strangers of all who have keys. */
const WRITTEN = {
  words: 'alpha deal scrub asthma idea logic bright thought alpha deal scrub asthma idea logic bright thought alpha deal scrub asthma idea logic bright truly',
  person: 'qpq1jwyqa7f4dlfgwqhfwjwluyh7g3ujxeryzyq4s0wu6hlukl4uuf2qp0hrd9',
  device: '12D3KooWB8sCGZCrwr79HtabLAn95qyPQx6RYHXjEbiD6QKou7ww',
  inboxKey: 'f8baf835636854bff1d540415d2bdb7e089e185bfee5a85ae388887bdfa2aabe',
  sealKey: 'e24f293406362ae0211a63f499b97b23513f8da0a4b45f694d7d43873aa12860',
  authorSeed: 'c1513b1d0664e8e927fd9e1534e33acba46c602955edb56441e3e5e0fbfc4965',
  historyKey: '122a0a0fab34ae27c28f4b2a6d7340b68ebfaba8d6280d283572adcb228fcb66',
  certificate:
    '0193880ef9356fd28702e9749dfe12fe44792364641101583ddcd5ffcb7ebce2541398f62c6d1a457c51ba6a4b5f3dbd2f69fca93216218dc8997e416bd17d93ca01a0c4506c0001a0c4506fe8076b69746368656e' +
    '89c78dc1b2f524dfc8c1ba9c3790ce8b230b5d6f3a518e1d80370133c991d98c4594f0128b0d7e569367d95be04b0980ae608648dfbbe558d75a88b73fcff700',
  revocation:
    '0193880ef9356fd28702e9749dfe12fe44792364641101583ddcd5ffcb7ebce2541398f62c6d1a457c51ba6a4b5f3dbd2f69fca93216218dc8997e416bd17d93ca01a0c4506c00' +
    '7dcb151d33ac5d86884de68bf7a59a381858d6e6e6fc860f36c993654c928a628a25eb1369a3154bc76a3bf43135e1029e3eb16545d5777d08eb7a7fefd23001',
  card: 'qpq://c/AZOIDvk1b9KHAul0nf4S_kR5I2RkEQFYPdzV_8t-vOJU-Lr4NWNoVL_x1UBBXSvbfgieGFv-5aha44iIe9-iqr7iTyk0BjYq4CEaY_SZuXsjUT-NoKS0X2lNfUOHOqEoYGqxO4AEWm_DqwEIBAQEBAQEBARbzIRxe4mTn5j2iqmCLLbXawnwxNcrgeCMi9C4DHgoORUlLN73B_BmWU8Gg0dKU_3CKgiLiHQEUh9Y7W1K4owP',
  safetyNumber: '35315 82547 26418 12161 93117 95711 87961 45569 44717 00626 49169 69755',
  fingerprint: 'kl4uuf2q',
}

describe('what version 1 wrote', () => {
  const crypto = portableCrypto()
  const entropy = new Uint8Array(32).fill(7)
  const deviceSeed = new Uint8Array(32).fill(8)
  const keys = derivePerson(crypto, entropy)
  const device = parseDeviceId(WRITTEN.device)

  it('is the same person, device, inbox and keys from the same words', () => {
    assert.deepEqual(entropyOfWords(WRITTEN.words), entropy)
    assert.equal(keys.person, WRITTEN.person)
    assert.equal(deviceIdOf(crypto.ed25519PublicKey(deviceSeed)), device)
    assert.equal(toHex(keys.inboxKey), WRITTEN.inboxKey)
    assert.equal(toHex(keys.sealKey), WRITTEN.sealKey)
    assert.equal(toHex(deriveAuthorSeed(deviceSeed, keys.person)), WRITTEN.authorSeed)
    assert.equal(toHex(deriveHistoryKey(deviceSeed)), WRITTEN.historyKey)
  })

  it('reads as what it said, and is written the same', () => {
    const certificate = readCertificate(crypto, fromHex(WRITTEN.certificate))
    assert.deepEqual([certificate.device, certificate.createdMs, certificate.name], [device, 1_790_000_000_000, 'kitchen'])
    assert.equal(toHex(issueCertificate(crypto, keys.personSeed, certificate)), WRITTEN.certificate)
    const revocation = readRevocation(crypto, fromHex(WRITTEN.revocation))
    assert.deepEqual([revocation.person, revocation.device], [keys.person, device])
    assert.equal(toHex(issueRevocation(crypto, keys.personSeed, revocation)), WRITTEN.revocation)
    const card = parseCardUri(crypto, WRITTEN.card)
    assert.deepEqual([card.name, card.issuedS, card.hints], ['Zoë', 1_790_000_000, [new Uint8Array(8).fill(4)]])
    assert.equal(cardUri(issueCard(crypto, keys, card)), WRITTEN.card)
  })

  it('is what two people read to each other', () => {
    assert.equal(safetyNumber(keys.person, derivePerson(crypto, new Uint8Array(32).fill(9)).person), WRITTEN.safetyNumber)
    assert.equal(fingerprint(keys.person), WRITTEN.fingerprint)
  })
})

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'))
}
