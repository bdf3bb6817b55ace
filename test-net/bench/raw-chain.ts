/**
 * The baseline of W4: a line of TCP connections that store a whole frame before they pass it on, and nothing else.
 *
 *   node raw-chain.ts sink HOST PORT                  takes frames; prints {"p50Ms","p99Ms"} or {"seconds"} when a batch is there
 *   node raw-chain.ts relay HOST PORT TO TO_PORT      copies frames
 *   node raw-chain.ts source TO TO_PORT SINGLES BATCH sends SINGLES frames, one every 20 ms, a pause, then BATCH at once
 *
 * A frame is u32 length, u32 number of its batch's frames, f64 time of writing (ms of the machine's clock), and text.
 * All end by themselves after some minutes.
 */
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from '../checks/people.ts'

const TEXT_BYTES = 300
const HEADER_BYTES = 16
const BETWEEN_MS = 20
const PAUSE_MS = 1_000
const LIFE_MS = 120_000

const [what = '', host = '', port = '0', third = '', fourth = ''] = process.argv.slice(2)
setTimeout(() => process.exit(1), LIFE_MS)
if (what === 'sink') sink()
else if (what === 'relay') relay()
else await source(Number(third), Number(fourth))

/** The clock of the machine, the same in all its namespaces, in ms. */
function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

function sink(): void {
  let took: number[] = []
  let firstMs = Number.POSITIVE_INFINITY
  take((frame) => {
    const writtenMs = frame.readDoubleBE(8)
    firstMs = Math.min(firstMs, writtenMs)
    took.push(nowMs() - writtenMs)
    if (took.length < frame.readUInt32BE(4)) return
    console.log(JSON.stringify({ frames: took.length, p50Ms: percentile(took, 0.5), p99Ms: percentile(took, 0.99), seconds: (nowMs() - firstMs) / 1_000 }))
    took = []
    firstMs = Number.POSITIVE_INFINITY
  })
}

function relay(): void {
  const next = connect({ host: third, port: Number(fourth) }).setNoDelay()
  take((frame) => next.write(Buffer.from(frame)))
}

/** Listens, and hands over each whole frame. */
function take(onFrame: (frame: Buffer) => void): void {
  const server = createServer((socket: Socket) => {
    let left: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      left = Buffer.concat([left, chunk])
      while (left.length >= 4 && left.length >= left.readUInt32BE(0)) {
        const length = left.readUInt32BE(0)
        onFrame(left.subarray(0, length))
        left = left.subarray(length)
      }
    })
  })
  server.listen(Number(port), host, () => console.log(JSON.stringify({ ready: 1 })))
}

async function source(singles: number, batch: number): Promise<void> {
  const socket = connect({ host, port: Number(port) }).setNoDelay()
  const write = (of: number): void => {
    const frame = Buffer.alloc(HEADER_BYTES + TEXT_BYTES, 'x')
    frame.writeUInt32BE(frame.length, 0)
    frame.writeUInt32BE(of, 4)
    frame.writeDoubleBE(nowMs(), 8)
    socket.write(frame)
  }
  for (let i = 0; i < singles; i++) {
    write(singles)
    await sleep(BETWEEN_MS)
  }
  await sleep(PAUSE_MS)
  for (let i = 0; i < batch; i++) write(batch)
}
