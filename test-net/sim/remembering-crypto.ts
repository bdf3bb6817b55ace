import type { Crypto } from '#mesh/ports'

/** Verdicts that are remembered; an envelope and a few receipts each, so that a day of a big simulation fits. */
const MAX_VERDICTS = 50_000

interface Verdict {
  readonly message: Uint8Array
  readonly isGood: boolean
}

/**
 * A crypto that checks each signature once, however many nodes of one process ask. What was signed here needs
 * no check at all: that a library accepts its own signatures is its contract suite's business. All other
 * bytes are judged by the real thing, and the verdicts are the same. Messages are kept, not copied: whoever signs
 * or checks here makes them for that alone.
 */
export function rememberingCrypto(real: Crypto): Crypto {
  let verdicts = new Map<string, Verdict>()
  const remember = (name: string, verdict: Verdict): void => {
    if (verdicts.size >= MAX_VERDICTS) verdicts = new Map()
    verdicts.set(name, verdict)
  }
  const publicKeys = new Map<string, Uint8Array>()
  const publicKey = (seed: Uint8Array): Uint8Array => {
    const name = textOf(seed)
    const known = publicKeys.get(name)
    if (known !== undefined) return known.slice()
    const key = real.ed25519PublicKey(seed)
    publicKeys.set(name, key)
    return key.slice()
  }
  return {
    ...real,
    name: `${real.name}, remembered`,
    ed25519PublicKey: publicKey,
    ed25519Sign(seed, message) {
      const signature = real.ed25519Sign(seed, message)
      remember(textOf(publicKey(seed)) + textOf(signature), { message, isGood: true })
      return signature
    },
    ed25519Verify(key, message, signature) {
      const name = textOf(key) + textOf(signature)
      const known = verdicts.get(name)
      if (known !== undefined && Buffer.compare(known.message, message) === 0) return known.isGood
      const isGood = real.ed25519Verify(key, message, signature)
      if (known === undefined) remember(name, { message, isGood })
      return isGood
    },
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
