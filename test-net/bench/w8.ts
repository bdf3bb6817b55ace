/**
 * W8: what a group costs at 2 to 100 members: adding one, renewing one's keys, following either, joining, and messages.
 *
 * The tree is warm: every second member has committed once. Ours is the engine with node's suites and with leaves that
 * are devices, so each leaf that comes in costs two signatures more; the baseline is the package alone with its default
 * provider (WebCrypto), on the same states, checking no credential.
 */

import { acceptAll, createApplicationMessage, createCommit, decodeMlsMessage, emptyPskIndex, joinGroup, processMessage } from 'ts-mls'
import { defaultClientConfig } from 'ts-mls/clientConfig.js'
import { getCiphersuiteFromName } from 'ts-mls/crypto/ciphersuite.js'
import { getCiphersuiteImpl } from 'ts-mls/crypto/getCiphersuiteImpl.js'
import { encodeUtf8 } from '#mesh/codec'
import { CERTIFICATE_VALIDITY_MS, derivePerson, issueCertificate } from '#mesh/identity'
import { deviceIdOf } from '#mesh/ids'
import { deviceLeafRules, issueLeafCredential, MlsEngine, type MlsState, type OwnKeyPackage, SUITE_AES } from '#mesh/mls'
import { fastestCrypto, nodeMlsCrypto, systemClock, systemRandom } from '#node/crypto'
import { type BenchOptions, figuresOf, type Report } from './figure.ts'
import { note } from './programs.ts'

const RUNS = 7
const SIZES = [2, 10, 50, 100]
const TEXT = new Uint8Array(200)

/** Runs the bench. */
export async function w8(report: Report, { runs = RUNS }: BenchOptions): Promise<void> {
  for (const members of SIZES) {
    const began = performance.now()
    const group = await warmGroup(members)
    note(`a group of ${members} was made in ${Math.round(performance.now() - began)} ms`)
    const [ours, theirs] = [new Map<string, number[]>(), new Map<string, number[]>()]
    for (let i = 0; i < runs; i++) {
      await measureOurs(group, timer(ours))
      await measurePackage(group, timer(theirs))
    }
    for (const [what, values] of ours) {
      const baselines = { 'ts-mls with its default provider': theirs.get(what) ?? [] }
      for (const figure of figuresOf({ bench: 'W8', metric: `${members} members: ${what}`, unit: 'ms', values, baselines })) report(figure)
    }
  }
}

interface Group {
  readonly engine: MlsEngine
  readonly first: MlsState
  readonly other: MlsState
  readonly newcomer: () => Promise<OwnKeyPackage>
}

type Timed = <Result>(what: string, work: () => Promise<Result>) => Promise<Result>

function timer(into: Map<string, number[]>): Timed {
  return async (what, work) => {
    const began = performance.now()
    const result = await work()
    into.set(what, [...(into.get(what) ?? []), performance.now() - began])
    return result
  }
}

async function warmGroup(members: number): Promise<Group> {
  const crypto = await fastestCrypto()
  const rules = deviceLeafRules({ crypto, clock: systemClock, isRevoked: () => false })
  const engine = new MlsEngine({ crypto: nodeMlsCrypto(crypto, systemRandom), rules })
  const newcomer = async (): Promise<OwnKeyPackage> => {
    const { personSeed } = derivePerson(crypto, systemRandom.bytes(32))
    const deviceSeed = systemRandom.bytes(32)
    const device = deviceIdOf(crypto.ed25519PublicKey(deviceSeed))
    const createdMs = systemClock.now()
    const certificate = issueCertificate(crypto, personSeed, { device, createdMs, expiresMs: createdMs + CERTIFICATE_VALIDITY_MS, name: 'bench' })
    return engine.createKeyPackage(SUITE_AES, (leafKey) => issueLeafCredential(crypto, deviceSeed, certificate, leafKey))
  }
  const packages = await Promise.all(Array.from({ length: members - 1 }, newcomer))
  const made = await engine.commit(
    await engine.createGroup(encodeUtf8('bench'), await newcomer()),
    packages.map(({ bytes }) => ({ kind: 'add', keyPackage: bytes })),
  )
  const { welcome } = made
  if (welcome === undefined) throw new Error('there is no Welcome')
  // Leaf 0, leaf 1, and every second one, which commit in turn.
  const joined = packages.filter((_, i) => i === 0 || i % 2 === 1)
  const states = [made.state, ...(await Promise.all(joined.map(async (own) => engine.join(welcome, own))))]
  for (let by = 0; by < states.length; by++) {
    if (by === 1 && states.length > 2) continue
    const { state, commit } = await engine.commit(at(states, by))
    // Who has committed already is not needed again, but for the two that are measured.
    for (let i = 0; i < states.length; i++) {
      if (i === by || (i > 1 && i < by)) continue
      const received = await engine.receive(at(states, i), commit)
      if (received.kind === 'commit') states[i] = received.state
    }
    states[by] = state
  }
  return { engine, first: at(states, 0), other: at(states, 1), newcomer }
}

function at<Item>(list: readonly Item[], index: number): Item {
  const item = list[index]
  if (item === undefined) throw new Error(`there is no item ${index}`)
  return item
}

async function measureOurs({ engine, first, other, newcomer }: Group, timed: Timed): Promise<void> {
  const own = await newcomer()
  const added = await timed('add', async () => engine.commit(first, [{ kind: 'add', keyPackage: own.bytes }]))
  await timed('follow an addition', async () => engine.receive(other, added.commit))
  await timed('join', async () => engine.join(added.welcome ?? new Uint8Array(0), own))
  const renewed = await timed('renew', async () => engine.commit(first))
  await timed('follow a renewal', async () => engine.receive(other, renewed.commit))
  const { message } = await timed('encrypt 200 B', async () => engine.encrypt(first, TEXT))
  await timed('decrypt 200 B', async () => engine.receive(other, message))
}

async function measurePackage({ first, other, newcomer }: Group, timed: Timed): Promise<void> {
  const suite = await getCiphersuiteImpl(getCiphersuiteFromName('MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519'))
  const clientConfig = { ...defaultClientConfig, keyRetentionConfig: { ...defaultClientConfig.keyRetentionConfig, retainKeysForEpochs: 1 } }
  const [from, to] = [first, other].map(({ inner }) => ({ ...inner, clientConfig }))
  const own = await newcomer()
  const keyPackage = decodeMlsMessage(own.bytes, 0)?.[0]
  if (from === undefined || to === undefined || keyPackage?.wireformat !== 'mls_key_package') throw new Error('there is no group to measure')
  const secrets = { initPrivateKey: own.initSecret, hpkePrivateKey: own.leafSecret, signaturePrivateKey: own.signatureSeed }
  const options = { wireAsPublicMessage: true, ratchetTreeExtension: true }
  const add = { proposalType: 'add' as const, add: { keyPackage: keyPackage.keyPackage } }
  const follow = async (commit: Awaited<ReturnType<typeof createCommit>>['commit']): Promise<void> => {
    if (commit.wireformat === 'mls_public_message') await processMessage(commit, to, emptyPskIndex, acceptAll, suite)
  }
  const added = await timed('add', async () => createCommit({ state: from, cipherSuite: suite }, { ...options, extraProposals: [add] }))
  await timed('follow an addition', async () => follow(added.commit))
  const { welcome } = added
  if (welcome === undefined) throw new Error('there is no Welcome')
  await timed('join', async () => joinGroup(welcome, keyPackage.keyPackage, secrets, emptyPskIndex, suite, undefined, undefined, clientConfig))
  const renewed = await timed('renew', async () => createCommit({ state: from, cipherSuite: suite }, options))
  await timed('follow a renewal', async () => follow(renewed.commit))
  const { privateMessage } = await timed('encrypt 200 B', async () => createApplicationMessage(from, TEXT, suite))
  const message = { version: 'mls10', wireformat: 'mls_private_message', privateMessage } as const
  await timed('decrypt 200 B', async () => processMessage(message, to, emptyPskIndex, acceptAll, suite))
}
