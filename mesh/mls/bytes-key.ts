const latin = new TextDecoder('latin1')

/** Bytes as a string of one character each, to compare them and to key a set. Public values only. */
export function encodeBytes(bytes: Uint8Array): string {
  return latin.decode(bytes)
}
