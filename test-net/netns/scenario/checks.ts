/** What must be true at the end of a run, by what the nodes themselves say: `log`, `outbox`, `status`, and what `up` showed. */
import type { MessageInfo, NodeStatus } from '#node/control'

/** A message that somebody meant to send. What was not acknowledged may have been sent all the same. */
export interface Meant {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** A message that was acknowledged: its `send` was answered. */
export interface Written extends Meant {
  readonly id: string
}

/** What one node said at the end. */
export interface Told {
  readonly index: number
  /** False when the process does not run or does not answer. */
  readonly isAlive: boolean
  /** How often it was started. */
  readonly lives: number
  /** Logs by correspondent. */
  readonly logs: ReadonlyMap<number, readonly MessageInfo[]>
  /** What came in, as it was shown, over all lives. */
  readonly shown: readonly MessageInfo[]
  readonly store: Pick<NodeStatus['store'], 'bytes' | 'limitBytes'> | undefined
  /** Files of its data directory in which a text of somebody is readable. */
  readonly readable: readonly string[]
}

/** Something that should not be; the words are those of the simulator's README. */
export interface Failure {
  readonly check: string
  readonly what: string
}

/** Everything that was said and written, and who had to get it. */
export interface Evidence {
  readonly told: readonly Told[]
  readonly written: readonly Written[]
  /** Every text that there may be. */
  readonly meant: readonly Meant[]
  /** Whether what the first wrote had to arrive at the other, and the news of it to come back. */
  readonly mustArrive: (written: Written) => boolean
}

/** Judges a run. */
export function judge({ told, written, meant, mustArrive }: Evidence): Failure[] {
  const texts = new Map(meant.map((message) => [message.text, message]))
  const nodes = new Map(told.map((node) => [node.index, node]))
  return [
    ...told.flatMap((node) => [...judgeNode(node), ...judgeLogs(node, texts), ...judgeShown(node, texts)]),
    ...written.flatMap((message) => judgeMessage(message, nodes, mustArrive(message))),
  ]
}

function judgeNode({ index, isAlive, store, readable }: Told): Failure[] {
  const failures: Failure[] = readable.map((file) => ({ check: 'leak', what: `a text is readable in ${file}` }))
  if (!isAlive) failures.push({ check: 'off', what: `n${index} is not running at the end` })
  if (store !== undefined && store.bytes > store.limitBytes) failures.push({ check: 'quota', what: `n${index} holds ${store.bytes} of ${store.limitBytes} B` })
  return failures
}

/** Each once, nothing before what it follows, nothing that was for somebody else. */
function judgeLogs({ index, logs }: Told, texts: ReadonlyMap<string, Meant>): Failure[] {
  const failures: Failure[] = []
  for (const [other, log] of logs) {
    const ids = log.map(({ id }) => id)
    for (const id of doubles(ids)) failures.push({ check: 'shown-twice', what: `n${index} has ${id} twice in the log of n${other}` })
    failures.push(...orderFailures(log, `n${index} in the log of n${other}`))
    for (const { id, direction, text } of log) {
      const message = texts.get(text)
      if (direction === 'in' && (message?.to !== index || message.from !== other)) failures.push(notWritten(`n${index} has ${id} from n${other}`, message))
    }
  }
  return failures
}

/** Shown at most once, to whom it was for, and not before what it follows. */
function judgeShown({ index, shown }: Told, texts: ReadonlyMap<string, Meant>): Failure[] {
  const failures: Failure[] = doubles(shown.map(({ id }) => id)).map((id) => ({ check: 'shown-twice', what: `n${index} was shown ${id} twice` }))
  for (const { id, text } of shown) {
    const message = texts.get(text)
    if (message?.to !== index) failures.push(notWritten(`n${index} was shown ${id}`, message))
  }
  const conversations = Map.groupBy(shown, ({ conversation }) => conversation)
  for (const messages of conversations.values()) failures.push(...orderFailures(messages, `n${index} on the screen`))
  return failures
}

function notWritten(what: string, message: Meant | undefined): Failure {
  return { check: 'not-written', what: `${what}, which ${message === undefined ? 'nobody wrote' : `n${message.from} wrote to n${message.to}`}` }
}

/** A message that says how much before it is missing may stand before it. */
function orderFailures(messages: readonly MessageInfo[], where: string): Failure[] {
  const at = new Map(messages.map(({ id }, i) => [id, i]))
  return messages.flatMap(({ id, parents, missing = 0 }, i) => {
    const late = missing === 0 && parents.some((parent) => (at.get(parent) ?? -1) > i)
    return late ? [{ check: 'causal-order', what: `${where}: ${id} stands before one that it follows` }] : []
  })
}

function judgeMessage({ id, from, to }: Written, nodes: ReadonlyMap<number, Told>, mustArrive: boolean): Failure[] {
  const [writer, reader] = [nodes.get(from), nodes.get(to)]
  const kept = writer?.logs.get(to)?.find((message) => message.id === id)
  if (writer?.isAlive === true && kept === undefined) return [{ check: 'lost-here', what: `n${from} has not kept ${id}, which was acknowledged` }]
  const arrived = reader?.logs.get(from)?.some((message) => message.id === id) ?? false
  if (kept?.state === 'delivered' && !arrived) return [{ check: 'false-delivered', what: `n${from} believes that ${id} was delivered to n${to}` }]
  if (!mustArrive) return []
  if (!arrived) return [{ check: 'not-delivered', what: `${id} from n${from} is not in the log of n${to}, and is ${kept?.state}` }]
  // A node that was killed may have shown what it did not live to note down, or noted what it did not live to show.
  if (reader?.lives === 1 && !reader.shown.some((message) => message.id === id))
    return [{ check: 'not-shown', what: `${id} from n${from} is in the log of n${to} and was not shown` }]
  if (kept?.state !== 'delivered') return [{ check: 'state-behind', what: `${id} reached n${to}, and n${from} has heard nothing of it: ${kept?.state}` }]
  return []
}

function doubles(ids: readonly string[]): string[] {
  return ids.filter((id, i) => ids.indexOf(id) !== i)
}
