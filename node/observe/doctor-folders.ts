import type { DoctorFinding, WatchedFolderInfo } from '#node/control'

/** What is wrong with the folders whose bundles are read by themselves. */
export function folderFindings(folders: Readonly<Record<string, WatchedFolderInfo>>): DoctorFinding[] {
  return Object.entries(folders).flatMap(([folder, info]) => {
    const found = [stateFinding(folder, info), ...errorFindings(folder, info)].filter((finding) => finding !== undefined)
    const isRight = found.every(({ level }) => level === 'note')
    if (!isRight || info.state !== 'watching') return found
    return [...found, { level: 'ok' as const, code: 'ok', subject: folder, message: `${folder} is watched; ${info.files} bundles were read.`, advice: '' }]
  })
}

function stateFinding(folder: string, info: WatchedFolderInfo): DoctorFinding | undefined {
  if (info.state === 'missing') {
    const advice = 'Nothing has to be done if a stick is mounted there later; else make it, or name another with --watch-folder.'
    return { level: 'note', code: 'watch-folder-missing', subject: folder, message: `There is no ${folder} now, which is to be watched.`, advice }
  }
  if (info.state === 'unreadable') {
    const advice = `Look at its owner and mode: ls -ld ${folder}`
    return {
      level: 'warning',
      code: 'watch-folder-unreadable',
      subject: folder,
      message: `${folder} cannot be read: ${info.lastError ?? 'unknown error'}.`,
      advice,
    }
  }
  if (!info.crowded) return undefined
  const advice = 'Watch a folder that holds sticks and bundles alone.'
  return { level: 'warning', code: 'watch-folder-crowded', subject: folder, message: `More lies in ${folder} than is looked at.`, advice }
}

function errorFindings(folder: string, { state, errors, refused, badBlocks, lastError }: WatchedFolderInfo): DoctorFinding[] {
  if (state === 'unreadable' || errors + refused === 0) return []
  const message = `${folder}: ${errors} bundles with errors (${badBlocks} bad blocks), ${refused} things that are no files. The last: ${lastError ?? 'unknown'}.`
  const advice = 'Copy the bundle again, or ask for a new one: what was lost comes with the next.'
  return [{ level: 'warning', code: 'bundle-unreadable', subject: folder, message, advice }]
}
