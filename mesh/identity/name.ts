import { type ByteReader, encodeUtf8 } from '#mesh/codec'
import { MeshError } from '#mesh/errors'

/** Longest name of a person or device, in bytes of UTF-8: it has to fit a card that a cheap camera can read. */
export const MAX_NAME_BYTES = 32

/**
 * Control, format (bidi among them), private-use characters, halves of surrogates, line breaks, and what
 * is drawn as nothing (emoji's variation selectors aside). Not the unassigned ones: which those are
 * depends on the age of the runtime, and two nodes must not judge one card differently.
 */
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}[\p{Default_Ignorable_Code_Point}--[\uFE00-\uFE0F]]]/v

/**
 * A name as it is stored and shown: NFC, one space between words, 1 to `limit` bytes.
 * @throws MeshError `MESH_NAME_INVALID`
 */
export function cleanName(text: string, limit = MAX_NAME_BYTES): string {
  const name = normalForm(text)
  const fault = faultOf(name, limit)
  if (fault !== undefined) throw new MeshError('MESH_NAME_INVALID', fault, { hint: `choose one with letters and at most ${limit} bytes` })
  return name
}

/** A name in foreign bytes (u8 length ‖ UTF-8), which has to be in its stored form already. @throws MeshError `MESH_BYTES_INVALID` (peer) */
export function readName(reader: ByteReader, limit = MAX_NAME_BYTES): string {
  const name = reader.text8()
  if (faultOf(name, limit) !== undefined || normalForm(name) !== name) throw new MeshError('MESH_BYTES_INVALID', 'a name is not in its normal form')
  return name
}

function normalForm(text: string): string {
  return text
    .normalize('NFC')
    .trim()
    .replace(/\p{Zs}+/gu, ' ')
}

function faultOf(name: string, limit: number): string | undefined {
  if (FORBIDDEN.test(name)) return 'a name cannot hold control, direction or invisible characters'
  if (name === '') return 'a name cannot be empty'
  return encodeUtf8(name).length > limit ? `a name has at most ${limit} bytes` : undefined
}
