/** From what a search found to what is answered. */
import type { SearchResult } from '#mesh/conversations'
import type { PersonId } from '#mesh/ids'
import type { SearchAnswer } from '#node/control'
import { timeText } from './views.ts'

/** @param petnameOf the name given here to a person, if any */
export function searchAnswer(result: SearchResult, self: PersonId, petnameOf: (person: PersonId) => string | undefined): SearchAnswer {
  const messages = result.hits.map(({ message: { id, person, direction, composedMs, text }, hits }) => {
    const petname = direction === 'in' ? petnameOf(person) : undefined
    return {
      id,
      conversation: person,
      from: direction === 'in' ? person : self,
      ...(petname === undefined ? {} : { fromPetname: petname }),
      direction,
      at: timeText(composedMs),
      text,
      hits: hits.map(([start, end]): [number, number] => [start, end]),
    }
  })
  const incomplete = incompleteOf(result)
  return { messages, ...(incomplete === undefined ? {} : { incomplete }) }
}

function incompleteOf({ ended, isBuilding }: SearchResult): SearchAnswer['incomplete'] {
  if (ended === 'too-wide') {
    return {
      code: 'MESH_SEARCH_TOO_WIDE',
      message: 'this fits so much that the oldest messages were not looked at',
      hint: 'Use longer or more words, or look into one conversation: in:NAME',
    }
  }
  if (ended === 'limit') return { code: 'limit', message: 'there are older ones', hint: '--limit N shows more' }
  if (!isBuilding) return undefined
  return { code: 'building', message: 'older messages are still being indexed, so some may be missing', hint: 'Search again in a minute.' }
}
