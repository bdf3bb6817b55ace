/** One put or del as the level takes it. */
export type Operation = { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array } | { readonly type: 'del'; readonly key: Uint8Array }

/**
 * A store of bytes by bytes: what we use of `abstract-level`, opened with `view` encodings. memory-level
 * in tests, classic-level on a node, browser-level in a page. A failed `batch` leaves nothing, and what
 * `sync` wrote survives the loss of power.
 */
export interface Level {
  open(): Promise<void>
  close(): Promise<void>
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  batch(operations: Operation[], options: { sync: boolean; keyEncoding: 'view'; valueEncoding: 'view' }): Promise<void>
  iterator(options: {
    gte?: Uint8Array
    gt?: Uint8Array
    lt: Uint8Array
    reverse?: boolean
    limit?: number
    keys?: boolean
    highWaterMarkBytes: number
    keyEncoding: 'view'
    valueEncoding: 'view'
  }): { nextv(size: number): Promise<[Uint8Array, Uint8Array][]>; close(): Promise<void> }
}
