/**
 * The one way to a terminal.
 *
 * Names and texts come from strangers. A terminal obeys control characters in them (move the cursor,
 * change the title, answer as if typed) and bidi characters reorder what was already read. So whatever
 * is printed passes here, and what could steer a terminal is removed, whoever wrote it. Style is given
 * beside the text, never inside it.
 */

/** How a piece of a line looks on a terminal. */
export type Style = 'bold' | 'dim' | 'good' | 'bad' | 'name' | 'italic' | 'struck' | 'code' | 'link' | 'mention' | 'hit'

/** A piece of a line: plain text, or text with a style. */
export type Span = string | { readonly style: Style; readonly text: string }

/** What a sink writes to: standard output, or a test. */
export interface Writable {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

const CODES: Readonly<Record<Style, string>> = {
  bold: '1',
  dim: '2',
  good: '32',
  bad: '31',
  name: '36',
  italic: '3',
  struck: '9',
  code: '33',
  link: '4',
  mention: '1;35',
  hit: '7',
}

// Controls (C0, DEL, C1); bidi marks, embeddings, overrides and isolates; line and paragraph separators;
// byte order mark, interlinear annotations, tag characters and variation selectors beyond emoji style.
// The joiners U+200C and U+200D stay: Persian and many emoji need them.
const STEERING = /[\p{Cc}\u061C\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E01EF}]/gu
const SPACES = /[\t\r\n\u2028\u2029]+/g

/** One line of text with nothing in it that steers a terminal; line feeds and tabs become a space. */
export function plain(text: string): string {
  return text.toWellFormed().replace(SPACES, ' ').replace(STEERING, '')
}

/** The lines of a text, each of them {@link plain}. */
export function plainLines(text: string): string[] {
  return text.split(/\r\n|[\n\r\u2028\u2029]/).map(plain)
}

/** One JSON object as a line. What could steer a terminal is escaped, so the value stays exactly the same. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(STEERING, utf16)
}

/** A character beyond U+FFFF is two escapes, as JSON wants it. */
function utf16(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
}

/** Prints lines for people and for scripts. */
export class Sink {
  readonly #stream: Writable
  readonly #hasColour: boolean

  constructor(stream: Writable, options: { colour?: boolean } = {}) {
    this.#stream = stream
    this.#hasColour = options.colour ?? (stream.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb')
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true
  }

  /** Characters a line may have. */
  get columns(): number {
    return this.#stream.columns ?? 80
  }

  line(...spans: Span[]): void {
    this.#stream.write(`${this.render(spans)}\n`)
  }

  /** A blank line. */
  gap(): void {
    this.#stream.write('\n')
  }

  json(value: unknown): void {
    this.#stream.write(`${jsonLine(value)}\n`)
  }

  /** A line as it is written, without its line feed. */
  render(spans: readonly Span[]): string {
    return spans.map((span) => (typeof span === 'string' ? plain(span) : this.#styled(span.style, plain(span.text)))).join('')
  }

  #styled(style: Style, text: string): string {
    return this.#hasColour && text !== '' ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text
  }
}
