/** People on a desk, for the checks: a node each, an open control connection, and cards exchanged by hand. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ControlClient, type MessageInfo } from '#node/control'
import { type Lan, type NetLab, type NodeSpace, QpqNode, withLab } from '../netns/index.ts'

/** Longest wait for something that has to happen on a busy machine with two processors, in ms. */
const PATIENCE_MS = 60_000
const LOOK_EVERY_MS = 100

/** One person with one device in a namespace of its own. */
export class Person {
  readonly name: string
  readonly space: NodeSpace
  readonly data: string
  readonly #args: readonly string[]
  readonly #env: NodeJS.ProcessEnv
  #node: QpqNode | undefined
  #client: ControlClient | undefined
  /** Texts that `up` announced as arrived, over all lives of the node. */
  readonly shown: string[] = []

  constructor(name: string, space: NodeSpace, root: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    this.name = name
    this.space = space
    this.data = join(root, name)
    this.#args = args
    this.#env = env
  }

  get node(): QpqNode {
    assert.ok(this.#node, `${this.name} is not running`)
    return this.#node
  }

  get api(): ControlClient {
    assert.ok(this.#client, `${this.name} is not running`)
    return this.#client
  }

  get isUp(): boolean {
    return this.#node !== undefined
  }

  /** Starts the node. @param timeoutMs until it is ready; half a minute unless said otherwise */
  async up(timeoutMs?: number): Promise<this> {
    const patience = timeoutMs === undefined ? {} : { timeoutMs }
    this.#node = await QpqNode.start(this.space, {
      data: this.data,
      name: this.name,
      args: ['--control-port', 'off', ...this.#args],
      env: this.#env,
      ...patience,
    })
    this.#client = await ControlClient.connect(this.data)
    return this
  }

  /** Ends the node in order. */
  async down(): Promise<void> {
    await this.#leave((node) => node.stop())
  }

  /** Pulls the plug: SIGKILL. */
  async kill(): Promise<void> {
    await this.#leave((node) => node.kill())
  }

  async log(other: Person): Promise<MessageInfo[]> {
    return this.api.log({ to: other.name, limit: 10_000 })
  }

  async #leave(end: (node: QpqNode) => Promise<unknown>): Promise<void> {
    const node = this.node
    await end(node)
    await this.#client?.close()
    this.#client = undefined
    this.#node = undefined
    for (const line of node.process.lines) {
      const event: unknown = line.startsWith('{') && line.endsWith('}') ? JSON.parse(line) : undefined
      if (isMessage(event) && event.direction === 'in') this.shown.push(event.text)
    }
  }
}

/** Adds each to the other's contacts, as two people do who hold their phones together. */
export async function introduce(a: Person, b: Person): Promise<void> {
  const [cardOfA, cardOfB] = await Promise.all([a.api.contactCard({}), b.api.contactCard({})])
  await a.api.contactAdd({ card: cardOfB.card, as: b.name })
  await b.api.contactAdd({ card: cardOfA.card, as: a.name })
}

/** A street of two LANs that share nothing, with data directories that go when the work is done. */
export async function withStreet(name: string, work: (street: { lab: NetLab; lan1: Lan; lan2: Lan; root: string }) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'qpq-check-'))
  try {
    await withLab(name, async (lab) => work({ lab, root, lan1: await lab.addLan('one'), lan2: await lab.addLan('two') }))
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** Looks until `look` gives something, and fails with the last thing seen. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, patienceMs = PATIENCE_MS): Promise<T> {
  const deadline = performance.now() + patienceMs
  let last: unknown
  for (;;) {
    try {
      const seen = await look()
      if (seen !== undefined) return seen
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) throw new Error(`${what}: not seen within ${patienceMs} ms`, { cause: last })
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

/** Median of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** The value below which `share` of the numbers lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

function isMessage(event: unknown): event is { event: 'message'; direction: string; text: string } {
  return typeof event === 'object' && event !== null && 'event' in event && event.event === 'message' && 'text' in event && 'direction' in event
}
