/** Signatures checked per second by each implementation, over 400 bytes by 64 authors. */
import { portableCrypto } from '#mesh/crypto'
import type { Crypto } from '#mesh/ports'
import { nodeCrypto, sodiumCrypto } from '#node/crypto'
import { type BenchOptions, figuresOf, type Report } from './figure.ts'

const RUNS = 5
const RUN_MS = 300
const BYTES = 400
const AUTHORS = 64

/** Runs the bench. */
export async function verify(report: Report, { runs = RUNS }: BenchOptions): Promise<void> {
  const oracle = nodeCrypto()
  const cases = Array.from({ length: AUTHORS }, (_, i) => {
    const seed = new Uint8Array(32).fill(i)
    const message = new Uint8Array(BYTES).fill(i)
    return { key: oracle.ed25519PublicKey(seed), message, signature: oracle.ed25519Sign(seed, message) }
  })
  const ratesOf = (crypto: Crypto): number[] =>
    Array.from({ length: runs }, () => {
      const began = performance.now()
      let checks = 0
      for (; performance.now() < began + RUN_MS; checks++) {
        const one = cases[checks % cases.length]
        if (one === undefined || !crypto.ed25519Verify(one.key, one.message, one.signature)) throw new Error('a good signature was refused')
      }
      return (checks * 1_000) / (performance.now() - began)
    })
  const base = ratesOf(oracle)
  for (const crypto of [await sodiumCrypto(), oracle, portableCrypto()]) {
    const values = crypto === oracle ? base : ratesOf(crypto)
    for (const figure of figuresOf({ bench: 'verify', metric: crypto.name, unit: 'checks/s', values, baselines: { 'node:crypto': base } })) report(figure)
  }
}
