/** Hexadecimal text of a vector as bytes. */
export function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

/** The same, for what may be missing. */
export function optionalBytes(hex: string | null): Uint8Array | undefined {
  return hex === null ? undefined : bytes(hex)
}

/** What a decoder of the package makes of all the bytes. */
export function decoded<Value>(decode: (from: Uint8Array, at: number) => [Value, number] | undefined, from: Uint8Array): Value {
  const result = decode(from, 0)
  if (result === undefined || result[1] !== from.length) throw new Error('these bytes do not decode')
  return result[0]
}
