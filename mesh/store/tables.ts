/**
 * The tables of the one database, by the byte that starts their keys.
 *
 * The one list for the whole project: two parts never share a byte, and a byte is never re-used for
 * something else, because old databases still hold it. Keys are binary and never contain text.
 */
export const TABLES = {
  /** Bytes of an envelope, by its id. */
  envelopes: 'e',
  /** What the index knew about an envelope, by its id, until schema 2. */
  envelopeMeta: 'm',
  /** What the index knows about envelopes, in segments, by their number. */
  envelopeIndex: 'x',
  /** Retracted or consumed ids until their expiry, by id ‖ address. */
  tombstones: 't',
  /** Envelopes to addresses of this node that content has not handled yet, by id. */
  inboxQueue: 'i',
  /** Promises to carry. */
  custody: 'c',
  /** What this node sent and waits for. */
  outbox: 'o',
  /** Messages, sealed. */
  history: 'h',
  /** Filters that find messages by words (`mesh/search`). */
  search: 'q',
  /** Contacts, sealed. */
  contacts: 'p',
  /** State of conversations, sealed. */
  conversations: 'v',
  /** What is kept beside the history: where a message is by its id, changes that wait for their message, what is to expire, settings. */
  content: 'a',
  /** Receipts that have not left yet. */
  receipts: 'r',
  /** What is known of neighbours, and grants. */
  peers: 'n',
  /** Devices and their certificates. */
  devices: 'd',
  /** Groups, sealed: logs, orders, epochs and their states. */
  groups: 'g',
  /** What came in bundles, and what is owed for it. */
  sneakernet: 'k',
  /** This node's own state: schema version, clock, generations. */
  own: 's',
} as const

/** The first byte of a table's keys. */
export type Table = (typeof TABLES)[keyof typeof TABLES]

const prefixes = new Map<string, number>(Object.values(TABLES).map((table) => [table, table.charCodeAt(0)]))

/** A key as the level underneath sees it: the table's byte, then `key`. */
export function rowKey(table: Table, key: Uint8Array): Uint8Array {
  const row = new Uint8Array(1 + key.length)
  row[0] = prefixes.get(table) ?? 0
  row.set(key, 1)
  return row
}
