/** Cuts a typed line into words; a word that begins with a quote goes to the next one of its kind. */
export function splitWords(line: string): string[] {
  const words: string[] = []
  // An apostrophe inside a word ("it's") is a letter like others, and so is a quote that nobody closed.
  for (const match of line.matchAll(/"([^"]*)"(?=\s|$)|'([^']*)'(?=\s|$)|(\S+)/g)) words.push(match[1] ?? match[2] ?? match[3] ?? '')
  return words
}
