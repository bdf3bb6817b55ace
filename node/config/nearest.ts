/** The word of `words` that is most likely meant by `typed`, or `undefined` when none is near enough to be more than a guess. */
export function nearest(typed: string, words: Iterable<string>): string | undefined {
  const wanted = typed.toLowerCase()
  // A third of the letters may be wrong, at least one, at most three: "statsu" yes, "cat" for "log" no.
  const tolerance = Math.min(3, Math.max(1, Math.floor(wanted.length / 3)))
  let best: { word: string; distance: number } | undefined
  for (const word of words) {
    const distance = wanted.length >= 3 && word.startsWith(wanted) ? 1 : editDistance(wanted, word.toLowerCase())
    if (distance <= tolerance && (best === undefined || distance < best.distance)) best = { word, distance }
  }
  return best?.word
}

/** Insertions, deletions, substitutions and swaps of neighbours that lead from one word to the other. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return 4
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 4
}
