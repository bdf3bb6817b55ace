/** From what a search found to what is answered. */
import type { SearchResult } from '#mesh/conversations'
import type { MessageInfo, SearchAnswer } from '#node/control'

/** @param infos the messages of the result as they are shown */
export function searchAnswer(result: SearchResult, infos: readonly MessageInfo[]): SearchAnswer {
  const spans = new Map(result.hits.map(({ message, hits }) => [message.id as string, hits]))
  const messages = infos.map(({ id, conversation, from, fromPetname, direction, at, text }) => ({
    id,
    conversation,
    from,
    ...(fromPetname === undefined ? {} : { fromPetname }),
    direction,
    at,
    text,
    hits: (spans.get(id) ?? []).map(([start, end]): [number, number] => [start, end]),
  }))
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
