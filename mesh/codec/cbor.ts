/**
 * CBOR whose texts are exactly the bytes that were written. `cborg` drops a byte order mark at the start
 * of a text and puts replacement characters where UTF-8 is broken; here the one stays and the other is an
 * error.
 */
import { type DecodeOptions, decode, type Token, Tokenizer } from 'cborg'
import { MeshError } from '#mesh/errors'
import { decodeUtf8 } from './byte-reader.ts'

class ExactTexts extends Tokenizer {
  override next(): Token {
    const token = super.next()
    if (token.byteValue !== undefined) token.value = decodeUtf8(token.byteValue)
    return token
  }
}

/** Decodes one value. @throws when the bytes are not exactly one, whatever the decoder makes of them */
export function decodeCbor(bytes: Uint8Array, options: DecodeOptions = {}): unknown {
  // A Buffer would give views of shared memory.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const exact = { ...options, retainStringBytes: true }
  return decode(plain, { ...exact, tokenizer: new ExactTexts(plain, exact) })
}

/** Nothing that two readers could understand in two ways. */
const STRICT = {
  useMaps: true,
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  rejectDuplicateMapKeys: true,
} as const

/** Decodes one value that came from outside; maps are Maps. @throws MeshError `MESH_BYTES_INVALID` (peer) whatever the decoder stumbles over, nesting that exhausts the stack included */
export function decodeStrictCbor(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes, STRICT)
  } catch (cause) {
    throw new MeshError('MESH_BYTES_INVALID', 'these bytes are not valid CBOR', { cause })
  }
}
