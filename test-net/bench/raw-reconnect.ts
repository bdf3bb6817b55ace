/**
 * The baseline of W3: TCP and nothing else.
 *
 *   node raw-reconnect.ts serve HOST PORT   writes one line to whoever comes; prints {"ready":1}
 *   node raw-reconnect.ts fetch HOST PORT   dials every 50 ms, whatever became of the last try; prints {"tries"} with the line
 *
 * Both end by themselves after some minutes.
 */
import { connect, createServer, type Socket } from 'node:net'

const DIAL_EVERY_MS = 50
const LIFE_MS = 180_000
const LINE = `${'x'.repeat(300)}\n`

const [what = '', host = '', port = '0'] = process.argv.slice(2)
setTimeout(() => process.exit(1), LIFE_MS)
if (what === 'serve') serve()
else fetchLine()

function serve(): void {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end(LINE)
  })
  server.listen(Number(port), host, () => console.log(JSON.stringify({ ready: 1 })))
}

function fetchLine(): void {
  let tries = 0
  let last: Socket | undefined
  const dial = (): void => {
    last?.destroy()
    tries += 1
    let got = ''
    last = connect({ host, port: Number(port) }).setEncoding('utf8')
    last.on('error', () => {}) // the next try is soon
    last.on('data', (chunk: string) => {
      got += chunk
      if (got !== LINE) return
      console.log(JSON.stringify({ tries }))
      process.exit(0)
    })
  }
  console.log(JSON.stringify({ ready: 1 }))
  dial()
  setInterval(dial, DIAL_EVERY_MS)
}
