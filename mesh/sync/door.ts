/**
 * What a session does with envelopes that arrive: checks that they were asked for, brings them through
 * the one door (`intake`), and books what the peer is to be told.
 */
import { compareBytes } from '#mesh/codec'
import { decodeEnvelope, type Passage, readClassByte } from '#mesh/envelope'
import { isMeshError, MeshError } from '#mesh/errors'
import { ADDRESS_BYTES, addressOf, type EnvelopeId } from '#mesh/ids'
import type { Verdict } from '#mesh/intake'
import type { Books } from './books.ts'
import { custodyEnd } from './decisions.ts'
import type { CarriedEnvelope, RefusalReason } from './frames.ts'
import { violation } from './offers.ts'

/** Offsets in the envelope (DESIGN §6). */
const CLASS_AT = 1
const ADDRESS_AT = 2
const STAMP_AT = ADDRESS_AT + ADDRESS_BYTES
const STAMP_BYTES = 8

/** An envelope on its way to the door; `wanted` holds its id when we asked for it. */
export interface Arriving {
  readonly bytes: Uint8Array
  readonly passage: Passage
  readonly wanted: EnvelopeId | undefined
  /** Mail to this node itself, for which nobody is promised anything. */
  readonly isMail: boolean
}

/**
 * The envelopes of one frame by priority and in the order of their stamps, so that of two messages the
 * earlier one is stored first.
 * @throws MeshError (peer) for one that is neither wanted nor to an address we collect for, or has no shape
 */
export function arriving(books: Books, envelopes: readonly CarriedEnvelope[]): Arriving[] {
  const sorted = envelopes.map(({ hops, copies, ageS, bytes }) => {
    const wanted = wantedId(books, bytes)
    return { bytes, passage: { hops, copies, ageS }, wanted, isMail: isMail(books, bytes) }
  })
  return sorted.sort((a, b) => priorityOf(a.bytes) - priorityOf(b.bytes) || compareBytes(stampOf(a.bytes), stampOf(b.bytes)))
}

function priorityOf(bytes: Uint8Array): number {
  return (bytes[CLASS_AT] ?? 0) >> 6
}

function stampOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(STAMP_AT, STAMP_AT + STAMP_BYTES)
}

/** For our own addresses the id is left to the door: hashing each envelope twice would add 9 µs to a way in that takes about 130 (measured). */
function wantedId(books: Books, bytes: Uint8Array): EnvelopeId | undefined {
  if (bytes.length < STAMP_AT) throw new MeshError('MESH_ENVELOPE_INVALID', 'an envelope is too short', { detail: { bytes: bytes.length } })
  const isOurs = isOurAddress(books, bytes)
  if (isOurs && !books.incoming.hasOutstanding) return undefined
  const { id } = decodeEnvelope(bytes)
  if (books.incoming.isWanted(id)) return id
  if (isOurs) return undefined
  throw violation('the peer sent an envelope that nobody asked for')
}

function isOurAddress(books: Books, bytes: Uint8Array): boolean {
  return books.ownAddresses.has(addressOf(bytes.subarray(ADDRESS_AT, STAMP_AT)))
}

function isMail(books: Books, bytes: Uint8Array): boolean {
  return readClassByte(bytes[CLASS_AT] ?? 0)?.kind === 'inbox' && isOurAddress(books, bytes)
}

/**
 * Brings a frame of envelopes through the door; true when most of it came too fast.
 * @throws the peer error of a rejected envelope, or our own failure
 */
export async function admit(books: Books, batch: readonly Arriving[]): Promise<boolean> {
  const { deps, counters, takenBack } = books.shared
  const verdicts = await verdictsOf(books, batch)
  batch.forEach(({ bytes, wanted, isMail }, i) => {
    const verdict = verdicts[i]
    if (verdict === undefined) return
    if (wanted !== undefined) settle(books, wanted)
    if (verdict.kind === 'reject') throw new MeshError(verdict.code, 'the peer sent an envelope that no honest node passes on')
    if (verdict.kind === 'accept') counters.envelopesIn++
    if (verdict.kind === 'ignore' && verdict.reason === 'retracted') takenBack.add(wanted ?? verdictId(bytes))
    const isHere = verdict.kind === 'accept' || deps.store.has(wanted ?? verdictId(bytes))
    if (isHere && isMail && wanted !== undefined) books.answers.refuse({ id: wanted, reason: 'duplicate' })
    else if (isHere && wanted !== undefined) books.answers.keep({ id: wanted, untilMs: custodyEnd(books, wanted) })
    else if (!isHere && verdict.kind === 'ignore') books.answers.refuse({ id: wanted ?? verdictId(bytes), reason: verdict.reason })
  })
  books.bell.ring()
  return 2 * verdicts.filter((verdict) => verdict.kind === 'ignore' && verdict.reason === 'rate').length > batch.length
}

function verdictId(bytes: Uint8Array): EnvelopeId {
  return decodeEnvelope(bytes).id
}

/** A full disk refuses the frame and keeps the session: there may be room later. */
async function verdictsOf({ shared, link }: Books, batch: readonly Arriving[]): Promise<readonly Verdict[]> {
  try {
    return await shared.deps.intake.receiveAll(
      batch.map(({ bytes, passage }) => ({ bytes, passage })),
      link.peer,
      link.mesh,
    )
  } catch (error) {
    if (!isMeshError(error, 'MESH_STORE_FULL')) throw error
    const full: RefusalReason = 'full'
    return batch.map(() => ({ kind: 'ignore', reason: full }))
  }
}

/** Notes that a wanted envelope came, or will not come. */
export function settle(books: Books, id: EnvelopeId): boolean {
  if (!books.incoming.settle(id)) return false
  books.shared.claims.release(id, books)
  return true
}
