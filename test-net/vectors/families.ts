import type { MlsCrypto, SuiteCrypto } from '#mesh/mls'
import { checkMessageProtection, checkMessages, checkWelcome } from './messages.ts'
import { replayPassiveClient } from './passive-client.ts'
import { checkCryptoBasics, checkKeySchedule, checkLength, checkPskSecret, checkSecretTree, checkTranscript, checkTreeMath } from './primitives.ts'
import { checkTreeKem, checkTreeOperation, checkTreeValidation } from './trees.ts'

/** Checks one vector. Throws when something differs. */
type Check = (crypto: MlsCrypto, vector: never) => Promise<void>

/** What checks the vectors of a file, by the file's name without `.json`. */
export const FAMILIES: Readonly<Record<string, Check>> = {
  'tree-math': plain(checkTreeMath),
  deserialization: plain(checkLength),
  'crypto-basics': ofSuite(checkCryptoBasics),
  'secret-tree': ofSuite(checkSecretTree),
  'message-protection': ofSuite(checkMessageProtection),
  'key-schedule': ofSuite(checkKeySchedule),
  psk_secret: ofSuite(checkPskSecret),
  'transcript-hashes': ofSuite(checkTranscript),
  welcome: ofSuite(checkWelcome),
  'tree-operations': ofSuite(checkTreeOperation),
  'tree-validation': ofSuite(checkTreeValidation),
  treekem: ofSuite(checkTreeKem),
  messages: plain(checkMessages),
  'passive-client-welcome': replayPassiveClient,
  'passive-client-handling-commit': replayPassiveClient,
  'passive-client-random': replayPassiveClient,
}

function plain<Vector>(check: (vector: Vector) => void): (crypto: MlsCrypto, vector: Vector) => Promise<void> {
  return async (_crypto, vector) => check(vector)
}

function ofSuite<Vector>(
  check: (suite: SuiteCrypto, vector: Vector) => Promise<void>,
): (crypto: MlsCrypto, vector: Vector & { cipher_suite: number }) => Promise<void> {
  return async (crypto, vector) => {
    const suite = crypto.suite(vector.cipher_suite)
    if (suite === undefined) throw new Error(`suite ${vector.cipher_suite} is not known here`)
    await check(suite, vector)
  }
}
