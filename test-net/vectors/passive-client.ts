/** Families that replay what a member sees: through the engine and nothing else. */
import assert from 'node:assert/strict'
import { type LeafRules, type MlsCrypto, MlsEngine, type MlsState, type OwnKeyPackage, type Psk } from '#mesh/mls'
import { bytes, optionalBytes } from './read.ts'

/** What one member saw. */
export interface PassiveClient {
  readonly cipher_suite: number
  readonly external_psks: ReadonlyArray<{ psk_id: string; psk: string }>
  readonly key_package: string
  readonly signature_priv: string
  readonly encryption_priv: string
  readonly init_priv: string
  readonly welcome: string
  readonly ratchet_tree: string | null
  readonly initial_epoch_authenticator: string
  readonly epochs: ReadonlyArray<{ proposals: readonly string[]; commit: string; epoch_authenticator: string }>
}

/** The identities in the vectors are no devices of ours. */
export const ANYBODY: LeafRules = { check: () => undefined, nameOf: () => undefined }

/** Joins by the Welcome and follows all epochs. */
export async function replayPassiveClient(crypto: MlsCrypto, vector: PassiveClient): Promise<void> {
  const engine = new MlsEngine({ crypto, rules: ANYBODY }, { kinds: ['add', 'update', 'remove', 'psk', 'group_context_extensions'], privateHandshakes: true })
  const psks: Psk[] = vector.external_psks.map(({ psk_id, psk }) => ({ id: bytes(psk_id), secret: bytes(psk) }))
  const own: OwnKeyPackage = {
    bytes: bytes(vector.key_package),
    initSecret: bytes(vector.init_priv),
    leafSecret: bytes(vector.encryption_priv),
    signatureSeed: bytes(vector.signature_priv),
  }
  const tree = optionalBytes(vector.ratchet_tree)
  let state = await engine.join(bytes(vector.welcome), own, { psks, ...(tree === undefined ? {} : { tree }) })
  assertAuthenticator(state, vector.initial_epoch_authenticator)
  for (const epoch of vector.epochs) {
    psks.push({ groupId: state.groupId, epoch: state.epoch, secret: state.inner.keySchedule.resumptionPsk })
    for (const message of [...epoch.proposals, epoch.commit]) {
      const received = await engine.receive(state, bytes(message), psks)
      assert.ok(received.kind === 'proposal' || received.kind === 'commit', received.kind)
      state = received.state
    }
    assertAuthenticator(state, epoch.epoch_authenticator)
  }
}

function assertAuthenticator(state: MlsState, expected: string): void {
  assert.deepEqual(state.inner.keySchedule.epochAuthenticator, bytes(expected))
}
