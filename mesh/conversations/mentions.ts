/**
 * `@petname` in what is typed becomes a link to the person, as MIMI writes a mention: the reader sees whom he
 * knows by his own name for them. A petname is looked for where a word begins, the longest first, and never
 * inside of code.
 */
import type { Contacts } from '#mesh/contacts'
import { personInUri, personUri } from '#mesh/content'
import type { PersonId } from '#mesh/ids'

/** Persons that one text can mention; further ones stay text. */
const MAX_MENTIONS = 64
const CODE = /(```[\s\S]*?```|`[^`\n]*`)/
const LINK = /\[@[^\]\n]{0,200}\]\((qpq:\/\/p\/[a-z0-9]{1,100})\)/g

/** The text with links in it. */
export function linkMentions(text: string, contacts: Pick<Contacts, 'list'>): string {
  if (!text.includes('@')) return text
  const known = contacts
    .list()
    .flatMap(({ petname, person, state }) => (petname === undefined || state === 'blocked' ? [] : [{ petname, person }]))
    .sort((a, b) => b.petname.length - a.petname.length)
  const pieces = text.split(CODE) // every second one is code
  let left = MAX_MENTIONS
  return pieces.map((piece, i) => (i % 2 === 1 ? piece : linked(piece))).join('')

  function linked(piece: string): string {
    let done = ''
    let at = 0
    for (let sign = piece.indexOf('@'); sign >= 0 && left > 0; sign = piece.indexOf('@', sign + 1)) {
      if (sign < at) continue // within a name that stands there already
      if (sign > 0 && /[\p{L}\p{N}_[\\/]/u.test(piece[sign - 1] ?? '')) continue
      const found = known.find(({ petname }) => piece.startsWith(petname, sign + 1) && !/[\p{L}\p{N}_]/u.test(piece[sign + 1 + petname.length] ?? ''))
      if (found === undefined) continue
      left -= 1
      done += `${piece.slice(at, sign)}[@${found.petname.replace(/[[\]\\]/g, '')}](${personUri(found.person)})`
      at = sign + 1 + found.petname.length
    }
    return done + piece.slice(at)
  }
}

/** Who is mentioned in a text, each once. */
export function mentionsIn(text: string): PersonId[] {
  const people = new Set<PersonId>()
  for (const [, uri = ''] of text.matchAll(LINK)) {
    const person = personInUri(uri)
    if (person !== undefined && people.size < MAX_MENTIONS) people.add(person)
  }
  return [...people]
}
