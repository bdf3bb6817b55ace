/** Hexadecimal text of a vector as bytes. */
export function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

/** The same, for what may be missing. */
export function optionalBytes(hex: string | null): Uint8Array | undefined {
  return hex === null ? undefined : bytes(hex)
}
