import { ByteReader, ByteWriter, encodeUtf8 } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import type { Database } from './database.ts'
import { TABLES } from './tables.ts'

/** Version of the rows this program writes. Raise it when an older program would misread them. */
const SCHEMA_VERSION = 3 // since segments (schema 2) end with a checksum: an older program would leave them out

const SCHEMA_KEY = encodeUtf8('schema')

/** Writes the version into a new database, and into an older one before any row of the new kind. @throws MeshError `MESH_STORE_VERSION` when a newer program wrote it */
export async function assertSchema(database: Database): Promise<void> {
  const row = await database.get(TABLES.own, SCHEMA_KEY)
  const version = row === undefined ? 0 : new ByteReader(row).u32()
  if (version === SCHEMA_VERSION) return
  if (version < SCHEMA_VERSION) {
    await database.transaction((tx) => tx.put(TABLES.own, SCHEMA_KEY, new ByteWriter(4).u32(SCHEMA_VERSION).finish()))
    return
  }
  throw new MeshError('MESH_STORE_VERSION', `the store was written by a newer program (schema ${version}, this one knows ${SCHEMA_VERSION})`, {
    detail: { version, known: SCHEMA_VERSION },
    hint: 'Start the newer program again, or point this one to another data directory.',
  })
}
