/**
 * Builds that are broken on purpose, to see that a simulation notices. Nothing in `mesh/` knows of them: the
 * parts are put together as ever, then one of them is replaced.
 */
import { encodeUtf8 } from '#mesh/codec'
import type { Crypto } from '#mesh/ports'
import type { Alteration } from './alteration.ts'

/** What can be removed from a build. */
export const BREAKS = ['duplicate-check', 'quota', 'expiry', 'retraction-signature'] as const
/** One of {@link BREAKS}. */
export type Break = (typeof BREAKS)[number]

const CAUGHT_BY: Readonly<Record<Break, string>> = {
  'duplicate-check': 'stored-twice',
  quota: 'quota',
  expiry: 'expired-kept',
  'retraction-signature': 'false-delivered',
}

/** The check that has to fail for such a build, whatever else does. */
export function caughtBy(what: Break): string {
  return CAUGHT_BY[what]
}

const ENVELOPE_LABEL = encodeUtf8('qpq envelope 1\0')
/** Where the class byte stands in what an envelope's signature covers, and what it says of a receipt. */
const CLASS_AT = ENVELOPE_LABEL.length + 1
const KIND_BITS = 0x3f
const RECEIPT_KIND = 3

/** A build without one of its checks. */
export function brokenBuild(what: Break): Alteration {
  switch (what) {
    case 'duplicate-check':
      return {
        carriage({ store }) {
          // The door asks with a transaction or `undefined`, everybody else with the id alone.
          const has = store.has.bind(store)
          store.has = (...asked) => asked.length === 1 && has(...asked)
        },
      }
    case 'quota':
      return {
        carriage({ store }) {
          const usageOf = store.usageOf.bind(store)
          store.usageOf = (scope) => (scope === 'total' ? usageOf(scope) : { bytes: 0, count: 0 })
        },
      }
    case 'expiry':
      return {
        carriage({ store }) {
          store.removeExpired = async () => 0
        },
      }
    case 'retraction-signature':
      return { crypto: withoutReceiptChecks }
  }
}

function withoutReceiptChecks(crypto: Crypto): Crypto {
  const isReceipt = (message: Uint8Array): boolean =>
    ENVELOPE_LABEL.every((byte, i) => message[i] === byte) && ((message[CLASS_AT] ?? 0) & KIND_BITS) === RECEIPT_KIND
  return { ...crypto, ed25519Verify: (key, message, signature) => isReceipt(message) || crypto.ed25519Verify(key, message, signature) }
}
