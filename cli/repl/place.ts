/**
 * What happens at the prompt of `qpq up`, without the terminal itself.
 *
 * A line with a slash is a command of the table; every other line is said to the one person named in
 * the prompt. The addressee changes only by `/to`, never by who wrote last: a message must not reach
 * somebody by accident.
 */
import { type CommandContext, IN_PLACE, parseInput, printHelpInPlace } from '#cli/commands'
import { eventLines, failureLine, plain, printLines, type Sink, shortId, usageError } from '#cli/output'
import { isMeshError, MeshError } from '#mesh/errors'
import { nearest } from '#node/config'
import type { NodeApi, ReadyEvent, WatchEvent } from '#node/control'
import { splitWords } from './words.ts'

const ALARMS: ReadonlySet<string> = new Set(['new-device', 'revoked-device', 'new-keys'])

export interface PlaceDeps {
  readonly api: NodeApi
  readonly out: Sink
}

/** The state of the prompt: who is talked to. */
export class Place {
  readonly #deps: PlaceDeps
  /** Verified people about whom something changed. */
  readonly #alarmed = new Set<string>()
  #isTyping = false
  #current: { person: string; name: string } | undefined

  constructor(deps: PlaceDeps) {
    this.#deps = deps
  }

  /** What stands before the typed line. */
  get prompt(): string {
    if (this.#current === undefined) return '> '
    return `to ${plain(this.#current.name)}${this.#alarmed.has(this.#current.person) ? ' (!)' : ''}> `
  }

  /** Who am I, and how do others add me. */
  async greet(ready: ReadyEvent): Promise<void> {
    const { out, api } = this.#deps
    const { card } = await api.id()
    out.line({ style: 'bold', text: ready.name }, '  ', { style: 'dim', text: ready.person })
    out.line({ style: 'dim', text: 'others add you with:  ' }, card)
    out.line({ style: 'dim', text: `data in ${ready.data}; /help lists what can be typed, /qr shows the card as a code, /quit leaves` })
  }

  /** Shows what happened. Own messages are on the screen already, as typed. */
  show(event: WatchEvent): void {
    if (event.event === 'message' && event.direction === 'out') return
    if (event.event === 'state' && event.state === 'queued') return
    if (event.event === 'trust' && ALARMS.has(event.what)) this.#alarmed.add(event.person)
    printLines(this.#deps.out, eventLines(event, '/add', { isRich: this.#deps.out.isTerminal }))
  }

  /** Something is being typed: who is talked to is told so, if the node wants that. Never rejects. */
  async typing(line: string): Promise<void> {
    const isOn = line.trim() !== '' && !/^\s*\/(?!\/)/.test(line)
    const to = this.#current?.person
    if (to === undefined || (isOn === this.#isTyping && !isOn)) return
    this.#isTyping = isOn
    try {
      await this.#deps.api.typing({ to, on: isOn })
    } catch (error) {
      if (!isMeshError(error)) throw error // it is of no use to say what nobody asked for
    }
  }

  /** Takes one line; `leave` ends the node. Never rejects: what went wrong is shown. */
  async take(line: string, signal: AbortSignal): Promise<'stay' | 'leave'> {
    const typed = line.trim()
    try {
      if (typed === '') return 'stay'
      if (!typed.startsWith('/')) await this.#say(line)
      else if (typed.startsWith('//')) await this.#say(line.trimStart().slice(1))
      else return await this.#command(splitWords(typed.slice(1)), signal)
    } catch (error) {
      this.#deps.out.line({ style: 'bad', text: inPlace(failureLine(error, false).replace(/^qpq: /, '')) })
    }
    return 'stay'
  }

  async #say(text: string): Promise<void> {
    if (this.#current === undefined) throw usageError('nothing was sent: nobody is addressed', '/to NAME chooses whom you talk to')
    this.#isTyping = false
    await this.#deps.api.send({ to: this.#current.person, text })
  }

  async #command(words: readonly string[], signal: AbortSignal): Promise<'stay' | 'leave'> {
    const [name = '', second = ''] = words
    if (name === 'quit' || name === 'exit') return 'leave'
    if (name === 'help' || name === '') {
      printHelpInPlace(this.#deps.out)
      return 'stay'
    }
    if (name === 'to') {
      await this.#address(words.slice(1).join(' '))
      return 'stay'
    }
    const pair = IN_PLACE.find((candidate) => candidate.inPlace === `${name} ${second}`)
    const command = pair ?? IN_PLACE.find((candidate) => candidate.inPlace === name)
    if (command?.run === undefined) {
      const isHalf = IN_PLACE.some((candidate) => candidate.inPlace?.startsWith(`${name} `))
      const typed = isHalf ? `${name} ${second}`.trim() : name
      const meant = nearest(typed, ['to', 'quit', ...IN_PLACE.map((candidate) => candidate.inPlace ?? '')])
      throw usageError(`there is no command /${typed}`, meant === undefined ? '/help lists them' : `did you mean /${meant}?`)
    }
    const input = parseInput(command, words.slice(pair === undefined ? 1 : 2), { prefix: '/', conversation: this.#current?.person })
    const context: CommandContext = { ...this.#deps, json: input.isSet('json'), signal, isInPlace: true, readText: async () => '-' }
    await command.run(context, input)
    if (command.call === 'contactVerify') await this.#lookForAlarms()
    return 'stay'
  }

  async #address(who: string): Promise<void> {
    if (who === '') {
      this.#current = undefined
      return
    }
    const contacts = (await this.#deps.api.contactList()).filter((contact) => contact.state === 'contact')
    const found = contacts.find((contact) => contact.petname === who) ?? contacts.find((contact) => contact.person === who)
    if (found === undefined) {
      const meant = nearest(
        who,
        contacts.flatMap((contact) => contact.petname ?? []),
      )
      const hint = meant === undefined ? '/contacts lists whom you know, /add URI NAME adds somebody' : `did you mean ${meant}?`
      throw new MeshError('MESH_CONTACT_UNKNOWN', `there is no contact "${who}"`, { hint })
    }
    this.#current = { person: found.person, name: found.petname ?? shortId(found.person) }
    await this.#lookForAlarms()
  }

  async #lookForAlarms(): Promise<void> {
    this.#alarmed.clear()
    for (const { person, alarms } of await this.#deps.api.contactList()) if (alarms !== undefined) this.#alarmed.add(person)
  }
}

/** Advice names commands as the shell has them; here they are typed with a slash. */
function inPlace(text: string): string {
  const known = IN_PLACE.toSorted((a, b) => b.name.length - a.name.length)
  return known.reduce((said, command) => said.replaceAll(`qpq ${command.name}`, `/${command.inPlace}`), text)
}
