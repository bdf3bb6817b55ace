/** Cards, names, texts and devices that are wrong, asked of a node that runs and has something to lose. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cardUri, derivePerson, ENTROPY_BYTES, issueCard, issueCertificate, readCertificate } from '#mesh/identity'
import type { MessageInfo } from '#node/control'
import { nodeCrypto, systemClock, systemRandom } from '#node/crypto'
import { openKeystore } from '#node/keystore'
import { openLevel } from '#node/storage'
import { openCarriage } from '../../node/compose/carriage.ts'
import { QpqNode } from '../netns/index.ts'
import { eventually, type Person } from './people.ts'
import { assertRefused, qpq, type Refusal } from './refusals.ts'

const unknown = (says: RegExp): Refusal => ({ exit: 4, code: 'MESH_CONTACT_UNKNOWN', says })
const badCard = (says: RegExp): Refusal => ({ exit: 2, code: 'MESH_URI_INVALID', says })
const badText = (says: RegExp): Refusal => ({ exit: 2, code: 'MESH_TEXT_INVALID', says })
const refused = (code: Refusal['code'], says: RegExp): Refusal => ({ exit: 5, code, says })
const DAY_MS = 86_400_000

/** The card of somebody who exists on paper only. */
function strangerCard(name: string): string {
  const crypto = nodeCrypto()
  return cardUri(issueCard(crypto, derivePerson(crypto, systemRandom.bytes(ENTROPY_BYTES)), { issuedS: Math.floor(systemClock.now() / 1_000), name }))
}

/** Who and what is meant. `a` knows `b`; both run. */
export async function checkPeople(a: Person, b: Person): Promise<void> {
  const { space, data } = a
  const refuse = (args: readonly string[], refusal: Refusal): Promise<void> => assertRefused(space, [...args, '--data', data], refusal)
  const { card } = await b.api.contactCard({})
  const own = await a.api.contactCard({})
  await refuse(['contact', 'add', card.slice(0, -30)], badCard(/card link.*copy all of it/))
  await refuse(['contact', 'add', `${card.slice(0, 40)}${card[40] === 'A' ? 'B' : 'A'}${card.slice(41)}`], badCard(/card link/))
  await refuse(['contact', 'add', 'https://example.org/c/x'], badCard(/not a card link/))
  await refuse(['contact', 'add', own.card], refused('MESH_CONTACT_EXISTS', /your own card/))
  const other = strangerCard('bobby')
  await refuse(['contact', 'add', other, '--as', b.name], refused('MESH_CONTACT_EXISTS', /--as NAME/))
  await refuse(['contact', 'add', other, '--as', 'x\u001b[2Jy'], { exit: 2, code: 'MESH_NAME_INVALID', says: /control/ })
  await a.api.contactAdd({ card: other, as: `${b.name}by` })

  await refuse(['send', 'carol', 'hi'], unknown(/nobody here is called "carol".*contact list/))
  await refuse(['log', '\u001b]0;owned\u0007'], unknown(/nobody/))
  await refuse(['contact', 'card', `${b.name}bz`], unknown(/nobody/))
  await refuse(['send', b.name.slice(0, -1), 'hi'], { exit: 4, code: 'MESH_CONTACT_AMBIGUOUS', says: new RegExp(`${b.name} \\(.+${b.name}by \\(`) })
  await refuse(['send', b.name, 'x'.repeat(40_000)], badText(/in parts/))
  await refuse(['send', b.name, '\u20ac'.repeat(20_000)], badText(/60000 bytes.*in parts/))
  await refuse(['send', b.name, ' '], badText(/no text/))
  await refuse(['log', b.name, '--since', 'A'.repeat(43)], { exit: 2, code: 'NODE_PARAMS_INVALID', says: /no such message/ })
  await refuse(['log', b.name, '--limit', 'many'], { exit: 2, code: 'CLI_USAGE', says: /whole number/ })
  await refuse(['device', 'revoke', 'mine'], { exit: 2, code: 'NODE_PARAMS_INVALID', says: /not a device/ })

  await a.api.contactBlock({ who: b.name })
  await refuse(['send', b.name, 'hi'], refused('MESH_CONTACT_BLOCKED', /contact block NAME --undo/))
  const undone = await qpq(space, ['contact', 'block', b.name, '--undo', '--data', data])
  assert.deepEqual([undone.code, undone.stdout, undone.stderr], [0, '', ''])
}

/** What others write never steers the terminal, and is whole in JSON. */
export async function checkEscapes(a: Person, b: Person): Promise<void> {
  const text = 'red \u001b[31m, title \u001b]0;owned\u0007, back \u202etfel\nsecond line\r\u009b2Jthird'
  await b.api.send({ to: a.name, text })
  const arrived = await eventually('the text with controls arrives', async () => (await a.log(b)).find((message) => message.text === text))
  const spoken = await qpq(a.space, ['log', b.name, '--data', a.data])
  assert.ok(spoken.stdout.includes(`${b.name}: red [31m, title ]0;owned, back tfel\n      | second line\n      | 2Jthird\n`), spoken.stdout)
  const json = await qpq(a.space, ['log', b.name, '--json', '--data', a.data])
  assert.match(json.stdout, /^[\x20-\x7e\n]*$/)
  assert.ok(json.stdout.split('\n').some((line) => line !== '' && (JSON.parse(line) as MessageInfo).text === text))
  assert.equal(arrived.direction, 'in')
}

/**
 * A device that its person revoked from another one: B drops what it writes, it learns of it from B, and
 * says so from then on. `twin` is a place for the other device.
 */
export async function checkRevoked(a: Person, b: Person, twin: Person): Promise<void> {
  const before = await a.log(b)
  const device = (await a.api.id()).device
  const words = join(a.data, '..', 'words')
  await a.down()
  await writeFile(words, await wordsOf(a))
  const restored = await QpqNode.start(twin.space, { data: twin.data, name: a.name, args: ['--restore', '--words-file', words, '--control-port', 'off'] })
  await restored.run('device', 'revoke', device)
  await eventually('B knows the revocation', async () => ((await b.api.status()).counters['inbox.revocation'] === 1 ? true : undefined))
  await restored.stop()
  await a.up()
  await eventually('A knows the revocation', async () =>
    (await a.api.deviceList()).some(({ here, revokedAt }) => here && revokedAt !== undefined) ? true : undefined,
  )
  await assertRefused(a.space, ['send', b.name, 'too late', '--data', a.data], refused('MESH_DEVICE_REVOKED', /revoked.*--restore from the 24 words/))
  assert.deepEqual(textsOf(await a.log(b)), textsOf(before), 'what was said can be read on a revoked device')
}

async function wordsOf(person: Person): Promise<string> {
  const node = await QpqNode.start(person.space, { data: person.data, args: ['--show-words', '--control-port', 'off', '--no-discovery'] })
  const event = await node.waitFor('the words', (candidate) => candidate['event'] === 'words', 10_000)
  await node.stop()
  return String(event['words'])
}

/**
 * A certificate that is over. At a start it is renewed; what was written with one is dropped by the
 * receiver, who says why, and stays in the history of the sender.
 */
export async function checkExpired(a: Person, b: Person): Promise<void> {
  await a.down()
  await writeWithExpiredCertificate(a, b, 'written too late')
  await a.up()
  const dropped = await eventually('B says why it drops the message', async () =>
    b.node.process.errors.find((line) => line.includes('MESH_CERTIFICATE_EXPIRED')),
  )
  const { error } = JSON.parse(dropped) as { error: { code: string; message: string; hint: string } }
  assert.match(`${error.message} - ${error.hint}`, /certificate of this device has expired - check the clocks/)
  assert.ok(!textsOf(await b.log(a)).includes('written too late'))
  const kept = (await a.log(b)).find(({ text }) => text === 'written too late')
  assert.equal(kept?.state, 'queued', 'the sender sees that it did not arrive')
  const [device] = await a.api.deviceList()
  assert.ok(Date.parse(device?.expiresAt ?? '') > Date.now() + 4 * 365 * DAY_MS, 'the certificate was renewed at the start')
  await a.api.send({ to: b.name, text: 'with a new certificate' })
  await eventually('what follows arrives', async () => (textsOf(await b.log(a)).includes('with a new certificate') ? true : undefined))
}

/** Writes a message as a device would that ran on beyond its certificate, and leaves that certificate in the key store's place. */
async function writeWithExpiredCertificate(a: Person, b: Person, text: string): Promise<void> {
  const crypto = nodeCrypto()
  const secrets = await openKeystore({ dir: a.data, crypto })
  const now = systemClock.now()
  const about = { device: secrets.device, createdMs: now - 2 * DAY_MS, expiresMs: now - DAY_MS, name: secrets.name }
  const expired = readCertificate(crypto, issueCertificate(crypto, secrets.person.personSeed, about))
  const quiet = (): void => {}
  const level = await openLevel(join(a.data, 'store'))
  try {
    const carriage = await openCarriage({
      level,
      hasRoom: async () => true,
      secrets: { ...secrets, certificate: { ...expired, expiresMs: Number.MAX_SAFE_INTEGER } }, // else it would be renewed here
      crypto,
      random: systemRandom,
      clock: systemClock,
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
      profile: 'pi',
      hints: () => [],
      knownDevices: () => 1,
      onOffence: quiet,
    })
    await carriage.conversations.send(carriage.contacts.find(b.name), text)
    await carriage.db.close()
  } finally {
    await level.close()
  }
  await putCertificate(a, expired.bytes)
}

async function putCertificate(a: Person, bytes: Uint8Array): Promise<void> {
  const path = join(a.data, 'keystore.json')
  const file = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
  await writeFile(path, JSON.stringify({ ...file, certificate: Buffer.from(bytes).toString('base64url') }))
}

function textsOf(log: readonly MessageInfo[]): string[] {
  return log.map(({ text }) => text)
}
