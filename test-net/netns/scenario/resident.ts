/** One node of a scenario: a namespace, a data directory, and a process that comes and goes. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ControlClient, type MessageInfo } from '#node/control'
import { type NodeSpace, QpqNode } from '../index.ts'

/** A message as `up --json` showed it. */
export type Shown = MessageInfo & { event: 'message' }

/** What a resident tells. */
export interface ResidentDeps {
  /** The process ended although nobody ended it. */
  readonly onDeath: (resident: Resident, how: string) => void
  /** Somebody who is not known asks to be heard. */
  readonly onRequest: (resident: Resident, person: string) => void
}

/** Start to `ready` while many start on a busy machine, ms. */
const READY_TIMEOUT_MS = 120_000
/** Ticks of a processor in a second, as /proc counts. */
const TICKS_PER_S = 100

/** See the head of this file. */
export class Resident {
  readonly index: number
  readonly name: string
  readonly space: NodeSpace
  /** What is its own on this machine; `data`, the data directory, lies in it. */
  readonly folder: string
  readonly data: string
  /** Messages that came in, as they were shown, over all lives. */
  readonly shown: Shown[] = []
  /** What the processes wrote to the standard error. */
  readonly errors: string[] = []
  person = ''
  /** Real ms with power, and of processors, over all lives that have ended. */
  upMs = 0
  cpuMs = 0
  lives = 0
  readonly #deps: ResidentDeps
  #node: QpqNode | undefined
  #client: ControlClient | undefined
  #ending = Promise.resolve()
  #lifeCpuMs = 0
  /** The plug was pulled since the last start began. */
  #isCut = false
  /** The power is on. */
  #isWanted = false
  #watching = new AbortController()

  constructor(index: number, space: NodeSpace, root: string, deps: ResidentDeps) {
    this.index = index
    this.name = `n${index}`
    this.space = space
    this.folder = join(root, this.name)
    this.data = join(this.folder, 'data')
    this.#deps = deps
  }

  /** The control connection; `undefined` while the power is off. */
  get api(): ControlClient | undefined {
    return this.#client
  }

  get isRunning(): boolean {
    return this.#node?.process.isRunning === true
  }

  /** Starts the node, after what was asked for before; a power cut may be sooner. @throws Error when it does not become ready */
  up(): Promise<void> {
    this.#isWanted = true
    return this.#inTurn(async () => {
      if (this.isRunning) return
      await this.#leave((node) => node.kill())
      this.#isCut = false
      try {
        await this.#start()
      } catch (error) {
        if (!this.#isCut) throw error
      }
    })
  }

  /** Starts the node again if it has ended although its power is on. @throws as `up` */
  async revive(): Promise<void> {
    if (this.#isWanted) await this.up()
  }

  /** Pulls the plug, whatever the node is at: SIGKILL. */
  kill(): Promise<void> {
    this.#isWanted = false
    this.#isCut = true
    this.#countCpu()
    this.space.killNow()
    return this.#inTurn(() => this.#leave((node) => node.kill()))
  }

  /** Ends the node in order. */
  stop(): Promise<void> {
    this.#isWanted = false
    return this.#inTurn(() => this.#leave((node) => node.stop()))
  }

  async #start(): Promise<void> {
    const node = await QpqNode.start(this.space, { data: this.data, name: this.name, args: ['--control-port', 'off'], timeoutMs: READY_TIMEOUT_MS })
    this.#node = node
    this.lives += 1
    this.person = node.ready.person
    void node.process.ended.then((how) => {
      if (this.#node === node && !this.#isCut) this.#deps.onDeath(this, String(how))
    })
    this.#client = await ControlClient.connect(this.data)
    this.#watching = new AbortController()
    void this.#awaitRequests(this.#client, this.#watching.signal)
  }

  async #leave(end: (node: QpqNode) => Promise<unknown>): Promise<void> {
    const node = this.#node
    if (node === undefined) return
    this.#countCpu()
    this.#node = undefined
    const client = this.#client
    this.#client = undefined
    this.#watching.abort()
    await end(node)
    await client?.close()
    this.upMs += performance.now() - node.readyAtMs
    this.cpuMs += this.#lifeCpuMs
    this.#lifeCpuMs = 0
    this.errors.push(...node.process.errors)
    for (const line of node.process.lines) {
      const event = eventIn(line)
      if (event?.event === 'message' && event.direction === 'in') this.shown.push(event)
    }
  }

  /** A dead process tells no more what it took. */
  #countCpu(): void {
    this.#lifeCpuMs = Math.max(this.#lifeCpuMs, cpuOf(this.#node?.process.pid))
  }

  /** Hears of requests: those that wait, and those that come. A power cut ends it, and the next start begins again. */
  async #awaitRequests(client: ControlClient, signal: AbortSignal): Promise<void> {
    try {
      const waiting = await client.contactList()
      for (const { person, state } of waiting) if (state === 'request') this.#deps.onRequest(this, person)
      for await (const event of client.watch(signal)) if (event.event === 'request') this.#deps.onRequest(this, event.person)
    } catch (error) {
      if (!signal.aborted && this.#client === client) this.errors.push(`watch ended: ${String(error)}`)
    }
  }

  /** One thing after the other. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#ending.then(work)
    this.#ending = done.catch(() => {})
    return done
  }
}

/** User and system time of a process, ms; 0 when it is gone. */
function cpuOf(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_S) * 1_000
  } catch {
    return 0
  }
}

function eventIn(line: string): Shown | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Shown
  } catch {
    return undefined // a line that a killed process did not finish
  }
}
