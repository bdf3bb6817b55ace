export { type AskPassphrase, createKeystore, isKeystoreLocked, keystoreExists, keystorePath, openKeystore, renameKeystore, type Secrets } from './keystore.ts'
export { ensurePrivateDir } from './private-dir.ts'
