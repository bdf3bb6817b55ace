/**
 * What the index knows about an envelope, in 46 bytes, the same in memory and in a segment on disk.
 *
 *      0 1  bits 3-2 priority, bits 1-0 kind     30 1  copies
 *      1 8  stamp: 6 ms, 2 counter               31 1  flags: 1 own, 2 pinned, 4 stranger, 8 must not cross
 *      9 4  lifetime, s                          32 2  size of the envelope
 *     13 4  age, s                               34 4  number of the address
 *     17 6  first seen, ms                       38 4  number of the author
 *     23 6  expiry, ms                           42 4  number of the link it came over, counted from 1; 0 without
 *     29 1  hops
 *
 * Big-endian. What a number stands for says the list of names beside the records.
 */
import { MeshError } from '#mesh/errors'
import type { Address, AuthorKey, DeviceId, EnvelopeId } from '#mesh/ids'
import type { EnvelopeMeta } from './envelope-meta.ts'
import { KINDS, PRIORITIES, rankOf } from './priority.ts'

export const RECORD_BYTES = 46

const FIRST_SEEN_AT = 17
const EXPIRY_AT = 23
const ADDRESS_AT = 34
const AUTHOR_AT = 38
const FROM_AT = 42

const OWN = 1
const PINNED = 2
const STRANGER = 4
const CONFINED = 8
const FLAGS_AT = 31

/** The numbers by which a record names address, author and link. */
export interface NameNumbers {
  readonly address: number
  readonly author: number
  /** Counted from 1; 0 says that it came over none. */
  readonly from: number
}

/** What the numbers of a record stand for. */
export interface NameTexts {
  readonly address: Address
  readonly author: AuthorKey
  /** See {@link wayOf}. */
  readonly from: Way | undefined
}

/** How an envelope came: the device it is from; behind a space the mesh, when that counts and has a name. */
export type Way = string & { readonly __way: never }

/** The way of an envelope, as lists of names hold it; `undefined` when it came over no link. */
export function wayOf({ from, mesh }: Pick<EnvelopeMeta, 'from' | 'mesh'>): Way | undefined {
  return from === undefined ? undefined : ((mesh === '' ? from : `${from} ${mesh}`) as string as Way)
}

/** @throws MeshError `MESH_INTERNAL` when a number of `meta` does not fit its field */
export function assertFits({ stamp, lifetimeS, ageS, firstSeenMs, expiryMs, hops, copies, size }: EnvelopeMeta): void {
  const fits = (value: number, bits: number): boolean => Number.isInteger(value) && value >= 0 && value < 2 ** bits
  const isSmall = fits(hops, 8) && fits(copies, 8) && fits(size, 16) && fits(stamp.counter, 16) && fits(lifetimeS, 32) && fits(ageS, 32)
  if (isSmall && fits(stamp.ms, 48) && fits(firstSeenMs, 48) && fits(expiryMs, 48)) return
  throw new MeshError('MESH_INTERNAL', 'a number does not fit its field', { detail: { firstSeenMs, expiryMs, hops, copies, size, ageS } })
}

/** Writes the record of `meta`, which has to fit ({@link assertFits}). */
export function writeRecord(view: DataView, at: number, meta: EnvelopeMeta, { address, author, from }: NameNumbers): void {
  view.setUint8(at, (rankOf(meta.priority) << 2) | KINDS.indexOf(meta.kind))
  setUint48(view, at + 1, meta.stamp.ms)
  view.setUint16(at + 7, meta.stamp.counter)
  view.setUint32(at + 9, meta.lifetimeS)
  view.setUint32(at + 13, meta.ageS)
  setUint48(view, at + FIRST_SEEN_AT, meta.firstSeenMs)
  setUint48(view, at + EXPIRY_AT, meta.expiryMs)
  view.setUint8(at + 29, meta.hops)
  view.setUint8(at + 30, meta.copies)
  const flags = (meta.own ? OWN : 0) | (meta.pinned ? PINNED : 0) | (meta.stranger ? STRANGER : 0) | (meta.mayCross ? 0 : CONFINED)
  view.setUint8(at + FLAGS_AT, flags)
  view.setUint16(at + 32, meta.size)
  writeNumbers(view, at, address, author, from)
}

/** Replaces the numbers of a record. */
export function writeNumbers(view: DataView, at: number, address: number, author: number, from: number): void {
  view.setUint32(at + ADDRESS_AT, address)
  view.setUint32(at + AUTHOR_AT, author)
  view.setUint32(at + FROM_AT, from)
}

export function addressNumber(view: DataView, at: number): number {
  return view.getUint32(at + ADDRESS_AT)
}

export function authorNumber(view: DataView, at: number): number {
  return view.getUint32(at + AUTHOR_AT)
}

export function fromNumber(view: DataView, at: number): number {
  return view.getUint32(at + FROM_AT)
}

export function firstSeenOf(view: DataView, at: number): number {
  return getUint48(view, at + FIRST_SEEN_AT)
}

export function expiryAt(view: DataView, at: number): number {
  return getUint48(view, at + EXPIRY_AT)
}

/** True for what must not cross a bridge. */
export function isConfinedAt(view: DataView, at: number): boolean {
  return (view.getUint8(at + FLAGS_AT) & CONFINED) !== 0
}

/** The meaning of a record. */
export function readRecord(view: DataView, at: number, id: EnvelopeId, { address, author, from }: NameTexts): EnvelopeMeta {
  const kinds = view.getUint8(at)
  const flags = view.getUint8(at + FLAGS_AT)
  const [device, mesh = ''] = from?.split(' ') ?? []
  return {
    id,
    address,
    author,
    kind: KINDS[kinds & 3] ?? 'inbox',
    priority: PRIORITIES[(kinds >> 2) & 3] ?? 'normal',
    mayCross: (flags & CONFINED) === 0,
    mesh,
    size: view.getUint16(at + 32),
    stamp: { ms: getUint48(view, at + 1), counter: view.getUint16(at + 7) },
    lifetimeS: view.getUint32(at + 9),
    ageS: view.getUint32(at + 13),
    firstSeenMs: firstSeenOf(view, at),
    expiryMs: expiryAt(view, at),
    hops: view.getUint8(at + 29),
    copies: view.getUint8(at + 30),
    from: device as DeviceId | undefined,
    own: (flags & OWN) !== 0,
    pinned: (flags & PINNED) !== 0,
    stranger: (flags & STRANGER) !== 0,
  }
}

function getUint48(view: DataView, at: number): number {
  return view.getUint16(at) * 0x1_0000_0000 + view.getUint32(at + 2)
}

function setUint48(view: DataView, at: number, value: number): void {
  view.setUint16(at, Math.floor(value / 0x1_0000_0000))
  view.setUint32(at + 2, value % 0x1_0000_0000)
}
