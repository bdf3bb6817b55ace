import type { EnvelopeMeta, EnvelopeStore, Quota } from '#mesh/store'
import { STORED_OVERHEAD_BYTES, STRANGER_AUTHOR_SHARE, type UsageScope } from '#mesh/store'
import type { Candidate } from './candidate.ts'

/**
 * True when the envelope fits into every share it would count against, once what it takes back (`freed`) is gone. A receipt that
 * frees as much as it takes is not held against its link, which may have brought nothing of what goes.
 * Room in all is another question: `makeRoom` answers it, by evicting.
 */
export function fitsQuotas(store: EnvelopeStore, candidate: Candidate, freed: readonly EnvelopeMeta[] = []): boolean {
  const { limits } = store
  const { envelope, arrival } = candidate
  const bytes = envelope.bytes.length + STORED_OVERHEAD_BYTES
  const fits = (scope: UsageScope, quota: Quota, counts: (meta: EnvelopeMeta) => boolean): boolean => {
    const [held, gone] = [store.usageOf(scope), sizeOf(freed.filter(counts))]
    return held.bytes - gone.bytes + bytes <= quota.bytes && held.count - gone.count + 1 <= quota.count
  }
  const isSameAuthor = (meta: EnvelopeMeta): boolean => meta.author === envelope.author
  if (!fits({ author: envelope.author }, limits.author, isSameAuthor)) return false
  if (!fits({ scope: envelope.address }, limits.scope, (meta) => meta.address === envelope.address)) return false
  const link = arrival.from
  if (link !== undefined && sizeOf(freed).bytes < bytes && !fits({ link }, limits.link, (meta) => meta.from === link)) return false
  if (!arrival.stranger) return true
  const strangers: Quota = part({ bytes: limits.maxBytes, count: limits.maxEnvelopes }, limits.strangerShare)
  return fits('strangers', strangers, (meta) => meta.stranger) && fits({ author: envelope.author }, part(strangers, STRANGER_AUTHOR_SHARE), isSameAuthor)
}

function sizeOf(metas: readonly EnvelopeMeta[]): Quota {
  return { bytes: metas.reduce((bytes, { size }) => bytes + size + STORED_OVERHEAD_BYTES, 0), count: metas.length }
}

function part(whole: Quota, share: number): Quota {
  return { bytes: whole.bytes * share, count: Math.floor(whole.count * share) }
}
