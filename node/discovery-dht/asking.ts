/**
 * Whose request is being answered. kad-dht tells its datastore what to keep, never who wants it kept; the
 * work on a request runs in this context, from its stream to the row that it leaves.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

/** Somebody who asked, and what was read of the announcement that came with it. */
export interface Asker {
  readonly peer: string
  /** When the announcement was signed, ms; absent until it is verified. */
  issuedMs?: number
  /** Whether it is the asker's own: it names the device that the handshake proved. */
  isOwn?: boolean
}

/** The request that is being answered; empty for what this node does on its own account. */
export const asking = new AsyncLocalStorage<Asker>()
