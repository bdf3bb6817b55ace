/**
 * The baseline of W5: a bare LevelDB with as many rows of the same size as a store has envelopes, and nothing else.
 *
 *   node bare-level.ts fill DIR COUNT BYTES   fills it, in batches that are synced, and kills itself with -9
 *   node bare-level.ts open DIR COUNT         opens it, reads one row, prints {"openMs","readMs"} and ends
 *
 * LevelDB is set up as `node/storage` does it.
 */
import { createHash } from 'node:crypto'
import { ClassicLevel } from 'classic-level'

/** Rows of one synced batch: what one frame of envelopes brings. */
const BATCH_ROWS = 150
const BUFFER_BYTES = 4 * 1024 * 1024

const [what = '', dir = '', count = '0', bytes = '0'] = process.argv.slice(2)
const began = performance.now()
const level = new ClassicLevel<Uint8Array, Uint8Array>(dir, {
  keyEncoding: 'view',
  valueEncoding: 'view',
  writeBufferSize: BUFFER_BYTES,
  cacheSize: BUFFER_BYTES,
  compression: false,
})
await level.open()
if (what === 'fill') await fill()
else await read()

async function fill(): Promise<void> {
  for (let from = 0; from < Number(count); from += BATCH_ROWS) {
    const rows = Array.from({ length: Math.min(BATCH_ROWS, Number(count) - from) }, (_, i) => {
      const value = new Uint8Array(Number(bytes))
      new DataView(value.buffer).setUint32(0, from + i)
      return { type: 'put' as const, key: keyOf(from + i), value }
    })
    await level.batch(rows, { sync: true })
  }
  process.kill(process.pid, 'SIGKILL')
}

async function read(): Promise<void> {
  const openMs = performance.now() - began
  const row = await level.get(keyOf(Number(count) - 1))
  if (row === undefined) throw new Error('the last row is not there')
  console.log(JSON.stringify({ openMs, readMs: performance.now() - began }))
  process.kill(process.pid, 'SIGKILL')
}

/** Spread like ids of envelopes. */
function keyOf(i: number): Uint8Array {
  return new Uint8Array(createHash('sha256').update(String(i)).digest())
}
