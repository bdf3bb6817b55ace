/**
 * The body of a message: one part, or parts in parts. `[disposition, language, cardinality, …]`, where 0 is
 * nothing, 1 a part with its bytes, 2 one that lies elsewhere, 3 several. A cardinality that is not known here
 * is kept as it came.
 */
import { encodeUtf8 } from '#mesh/codec'
import { MeshError } from '#mesh/errors'

/** What a part is for; others (0 to 255) are treated as `render`. */
export const DISPOSITION = { unspecified: 0, render: 1, reaction: 2 } as const
/** What the parts of a part are to each other. */
export const SEMANTICS = { chooseOne: 0, singleUnit: 1, processAll: 2 } as const

interface Part {
  readonly disposition: number
  /** Language tags (RFC 5646), or nothing. */
  readonly language: string
}

/** Nothing: what deletes has no body. */
export interface NullPart extends Part {
  readonly kind: 'null'
}

/** A part with its bytes. */
export interface SinglePart extends Part {
  readonly kind: 'single'
  readonly contentType: string
  readonly content: Uint8Array
}

/** A part that lies elsewhere; what follows its media type is kept as the draft orders it. */
export interface ExternalPart extends Part {
  readonly kind: 'external'
  readonly contentType: string
  readonly url: string
  /** expires, size, encAlg, key, nonce, aad, hashAlg, contentHash, description, filename. */
  readonly rest: readonly unknown[]
}

/** Several parts. */
export interface MultiPart extends Part {
  readonly kind: 'multi'
  readonly semantics: number
  readonly parts: readonly BodyPart[]
}

/** Something newer. */
export interface UnknownPart extends Part {
  readonly kind: 'unknown'
  readonly cardinality: number
  readonly rest: readonly unknown[]
}

export type BodyPart = NullPart | SinglePart | ExternalPart | MultiPart | UnknownPart

/** Levels of parts in parts, as the draft has it. */
export const MAX_PART_DEPTH = 4
/** Parts of one message; the draft calls more than 1,024 hostile, and nobody renders a tenth of that in a line. */
export const MAX_PARTS = 64
const MAX_LANGUAGE_BYTES = 64
const MAX_TYPE_BYTES = 255
const EXTERNAL_REST = 10

/** The part as values that CBOR knows. */
export function writePart(part: BodyPart): unknown[] {
  const { disposition, language } = part
  switch (part.kind) {
    case 'null':
      return [disposition, language, 0]
    case 'single':
      return [disposition, language, 1, part.contentType, part.content]
    case 'external':
      return [disposition, language, 2, part.contentType, part.url, ...part.rest]
    case 'multi':
      return [disposition, language, 3, part.semantics, part.parts.map(writePart)]
    case 'unknown':
      return [disposition, language, part.cardinality, ...part.rest]
  }
}

/** The part in decoded values. @throws MeshError `MESH_BYTES_INVALID` (peer) */
export function readPart(value: unknown): BodyPart {
  return partIn(value, MAX_PART_DEPTH, { left: MAX_PARTS })
}

function partIn(value: unknown, levels: number, budget: { left: number }): BodyPart {
  if (!Array.isArray(value) || value.length < 3 || levels === 0 || budget.left-- === 0) throw invalid('part')
  const [disposition, language, cardinality, ...rest] = value as unknown[]
  if (!isSmall(disposition, 255) || !isText(language, MAX_LANGUAGE_BYTES) || !isSmall(cardinality, 255)) throw invalid('part')
  const common = { disposition, language }
  const [first, second] = rest
  switch (cardinality) {
    case 0:
      if (rest.length !== 0) throw invalid('empty part')
      return { ...common, kind: 'null' }
    case 1:
      if (rest.length !== 2 || !isText(first, MAX_TYPE_BYTES) || !(second instanceof Uint8Array)) throw invalid('single part')
      return { ...common, kind: 'single', contentType: first, content: second }
    case 2:
      if (rest.length !== 2 + EXTERNAL_REST || !isText(first, MAX_TYPE_BYTES) || typeof second !== 'string') throw invalid('external part')
      if (!rest.slice(2).every(isScalar)) throw invalid('external part')
      return { ...common, kind: 'external', contentType: first, url: second, rest: rest.slice(2) }
    case 3:
      if (rest.length !== 2 || !isSmall(first, SEMANTICS.processAll) || !Array.isArray(second) || second.length < 2) throw invalid('parts')
      return { ...common, kind: 'multi', semantics: first, parts: second.map((inner) => partIn(inner, levels - 1, budget)) }
    default:
      return { ...common, kind: 'unknown', cardinality, rest }
  }
}

function isSmall(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
}

function isText(value: unknown, maxBytes: number): value is string {
  return typeof value === 'string' && encodeUtf8(value).length <= maxBytes
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || value instanceof Uint8Array
}

function invalid(field: string): MeshError {
  return new MeshError('MESH_BYTES_INVALID', `a content has a bad ${field}`, { detail: { field } })
}
