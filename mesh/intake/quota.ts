import type { EnvelopeStore, Quota } from '#mesh/store'
import { STORED_OVERHEAD_BYTES, STRANGER_AUTHOR_SHARE, type UsageScope } from '#mesh/store'
import type { Candidate } from './candidate.ts'

/**
 * True when the envelope fits into every share it would count against. Room in all is another question:
 * `makeRoom` answers it, by evicting.
 */
export function fitsQuotas(store: EnvelopeStore, candidate: Candidate): boolean {
  const { limits } = store
  const { envelope, arrival } = candidate
  const bytes = envelope.bytes.length + STORED_OVERHEAD_BYTES
  const fits = (scope: UsageScope, quota: Quota): boolean => {
    const held = store.usageOf(scope)
    return held.bytes + bytes <= quota.bytes && held.count + 1 <= quota.count
  }
  if (!fits({ author: envelope.author }, limits.author) || !fits({ scope: envelope.address }, limits.scope)) return false
  if (arrival.from !== undefined && !fits({ link: arrival.from }, limits.link)) return false
  if (!arrival.stranger) return true
  const strangers: Quota = part({ bytes: limits.maxBytes, count: limits.maxEnvelopes }, limits.strangerShare)
  return fits('strangers', strangers) && fits({ author: envelope.author }, part(strangers, STRANGER_AUTHOR_SHARE))
}

function part(whole: Quota, share: number): Quota {
  return { bytes: whole.bytes * share, count: Math.floor(whole.count * share) }
}
