import { usageError } from '#cli/output'

/** Stands between the words of an argument that takes many: nobody can type it. */
export const BETWEEN_WORDS = '\0'

/** What was typed for one command, checked against its entry in the table. */
export class Input {
  readonly #words: ReadonlyMap<string, string>
  readonly #flags: ReadonlyMap<string, readonly string[]>

  constructor(words: ReadonlyMap<string, string>, flags: ReadonlyMap<string, readonly string[]>) {
    this.#words = words
    this.#flags = flags
  }

  /** A word that has to be there. */
  word(name: string): string {
    const value = this.#words.get(name)
    if (value === undefined) throw usageError(`${name.toUpperCase()} is missing`, '`qpq help` shows how')
    return value
  }

  /** The words of an argument that takes many. */
  words(name: string): string[] {
    return this.word(name).split(BETWEEN_WORDS)
  }

  optional(name: string): string | undefined {
    return this.#words.get(name)
  }

  isSet(flag: string): boolean {
    return this.#flags.has(flag)
  }

  value(flag: string): string | undefined {
    return this.#flags.get(flag)?.at(-1)
  }

  values(flag: string): readonly string[] | undefined {
    return this.#flags.get(flag)
  }

  /** A whole number. @throws MeshError `CLI_USAGE` */
  number(flag: string, least: number, most: number): number | undefined {
    const text = this.value(flag)
    if (text === undefined) return undefined
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= least && value <= most))
      throw usageError(`--${flag} takes a whole number from ${least} to ${most}, not "${text}"`, `for example --${flag} ${least}`)
    return value
  }
}
