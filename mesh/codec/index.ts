export { ByteReader, decodeUtf8, encodeUtf8 } from './byte-reader.ts'
export { ByteWriter } from './byte-writer.ts'
export { compareBytes, concatBytes, copyBytes, equalBytes } from './bytes.ts'
export { crc32c } from './crc32c.ts'
