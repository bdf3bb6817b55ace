/**
 * Loaded into a node before its own code (`node --import`): writes down every envelope that arrives on a link, before
 * the node has judged it, into the file named by QPQ_TAP; a line each: id, device that sent it, address of the link.
 *
 * What a node counts about itself is not asked: this stands where frames have been decrypted and not yet handled.
 */
import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import type { Link } from '#mesh/ports'
import type { Frame } from '#mesh/sync'

type Tap = (link: Link, frame: Frame) => void
const file = process.env['QPQ_TAP']
const DECODED = 'const frame = decodeFrame(bytes)'

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    if (file === undefined || !url.endsWith('/mesh/sync/session.ts')) return loaded
    const source = String(typeof loaded.source === 'string' ? loaded.source : Buffer.from((loaded.source ?? '') as Uint8Array))
    if (source.split(DECODED).length !== 2) throw new Error(`the tap finds no place in ${url}`)
    return { ...loaded, source: source.replace(DECODED, `${DECODED}; globalThis.qpqTap(this.#link, frame)`) }
  },
})

// Only now: what this imports would otherwise be loaded before the hook stands.
const { decodeEnvelope } = await import('#mesh/envelope')
const tap: Tap = (link, frame) => {
  if (file === undefined) return
  const bytes = frame.type === 'envelopes' ? frame.envelopes.map((envelope) => envelope.bytes) : frame.type === 'large' ? [frame.bytes] : []
  const lines = bytes.filter(({ length }) => length > 0).map((envelope) => `${decodeEnvelope(envelope).id} ${link.peer} ${link.address}\n`)
  if (lines.length > 0) appendFileSync(file, lines.join(''))
}
Object.assign(globalThis, { qpqTap: tap })
