export { type AskPassphrase, createKeystore, keystoreExists, keystorePath, openKeystore, type Secrets } from './keystore.ts'
export { ensurePrivateDir } from './private-dir.ts'
