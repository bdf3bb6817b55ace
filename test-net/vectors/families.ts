import type { MlsCrypto } from '#mesh/mls'
import { type PassiveClient, replayPassiveClient } from './passive-client.ts'

/** Checks one vector. Throws when something differs. */
type Check = (crypto: MlsCrypto, vector: never) => Promise<void>

/** What checks the vectors of a file, by the file's name without `.json`. */
export const FAMILIES: Readonly<Record<string, Check>> = {
  'passive-client-welcome': async (crypto, vector: PassiveClient) => replayPassiveClient(crypto, vector),
  'passive-client-handling-commit': async (crypto, vector: PassiveClient) => replayPassiveClient(crypto, vector),
  'passive-client-random': async (crypto, vector: PassiveClient) => replayPassiveClient(crypto, vector),
}
