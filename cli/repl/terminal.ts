import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline'
import { IN_PLACE } from '#cli/commands'
import { Sink } from '#cli/output'
import { spawn } from '#mesh/runtime'
import type { RunningNode } from '#node/control'
import { Place } from './place.ts'

/** Lines kept for the arrow keys; they live in memory only, since they are what was said. */
const HISTORY_LINES = 200

/** How often the node is told that somebody types, ms. */
const TYPING_MS = 3_000

/** A line editor at the bottom and everything else above it. */
export interface Terminal {
  /** Writes above the line that is being typed, which stays as it is. */
  print(text: string): void
  /** Resolves when the person leaves: /quit, Ctrl-D, Ctrl-C. */
  readonly left: Promise<void>
  close(): void
}

/** Opens the prompt of a running node. */
export async function openTerminal(node: RunningNode, streams: { input: NodeJS.ReadStream; output: NodeJS.WriteStream }): Promise<Terminal> {
  const { input, output } = streams
  const commands = ['/to ', '/quit', ...IN_PLACE.map((command) => `/${command.inPlace} `)]
  const lines = createInterface({
    input,
    output,
    historySize: HISTORY_LINES,
    removeHistoryDuplicates: true,
    completer: (typed: string) => [typed.startsWith('/') ? commands.filter((command) => command.startsWith(typed)) : [], typed],
  })
  const above = { isTTY: true, columns: output.columns, write: (text: string) => printAbove(lines, output, text) }
  const place = new Place({ api: node.api, out: new Sink(above) })
  await place.greet(node.ready)
  const ended = new AbortController()
  const fail = (error: unknown) => above.write(`the live view stopped: ${error instanceof Error ? error.name : 'unknown'}\n`)
  const live = spawn(async (signal) => {
    for await (const event of node.api.watch(AbortSignal.any([signal, ended.signal]))) place.show(event)
  }, fail)
  let toldMs = 0
  input.on('keypress', () => {
    // The node tells the other side every few seconds at most; here only needless calls are spared.
    const nowMs = performance.now()
    if (nowMs - toldMs < TYPING_MS && lines.line !== '') return
    toldMs = nowMs
    void place.typing(lines.line)
  })
  const left = converse(lines, place, ended.signal)
  return {
    print: above.write,
    left,
    close() {
      ended.abort()
      lines.close()
      void live.stop()
    },
  }
}

/** Lines are taken one after the other, in the order they were typed. */
function converse(lines: Interface, place: Place, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const ask = () => {
      if (signal.aborted) return
      lines.setPrompt(place.prompt)
      lines.prompt()
    }
    let turn: Promise<void> = Promise.resolve()
    const take = async (line: string) => {
      if ((await place.take(line, signal)) === 'leave') resolve()
      else ask()
    }
    lines.on('line', (line) => {
      turn = turn.then(() => take(line))
    })
    lines.on('SIGINT', () => resolve())
    lines.on('close', () => resolve())
    ask()
  })
}

function printAbove(lines: Interface, output: NodeJS.WriteStream, text: string): void {
  const { rows } = lines.getCursorPos()
  moveCursor(output, 0, -rows)
  cursorTo(output, 0)
  clearScreenDown(output)
  output.write(text)
  lines.prompt(true)
}
