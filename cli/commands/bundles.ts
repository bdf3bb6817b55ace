import { resolve } from 'node:path'
import { type ProgressLine, shortId, size } from '#cli/output'
import { isErrorCode, MeshError } from '#mesh/errors'
import type { BundleExported, BundleImported, BundleStep } from '#node/control'
import type { Command, CommandContext } from './command.ts'
import type { Input } from './input.ts'
import { sizeOf } from './size-flag.ts'

const PROGRESS = { name: 'progress', summary: 'with --json: a line of progress now and then' }

/** Commands about envelopes in files: a stick is as good as a cable, only slower. */
export const BUNDLE_COMMANDS: readonly Command[] = [
  {
    name: 'bundle export',
    summary: 'write what others are to get into a file, for a stick',
    example: 'qpq bundle export /media/stick/post.qpqb --max-bytes 700M',
    arguments: [{ name: 'file', summary: 'where to; with --max-bytes the parts are called NAME.001.qpqb and so on' }],
    flags: [
      { name: 'for', value: 'WHO', summary: 'only what goes to this petname, qpq1… or address, and receipts', isMany: true },
      { name: 'max-bytes', value: 'SIZE', summary: 'cut into parts of at most this size: 64K, 700M, 4G' },
      { name: 'force', summary: 'replace a file that is there' },
      PROGRESS,
    ],
    call: 'bundleExport',
    isLong: true,
    inPlace: 'bundle export',
    run: exportBundle,
  },
  {
    name: 'bundle import',
    summary: 'read bundles from files or directories',
    example: 'qpq bundle import /media/stick/*.qpqb',
    arguments: [{ name: 'file', summary: 'bundles, or directories with *.qpqb in them', isMany: true }],
    flags: [PROGRESS],
    call: 'bundleImport',
    isLong: true,
    inPlace: 'bundle import',
    run: importBundles,
  },
]

async function exportBundle(context: CommandContext, input: Input): Promise<void> {
  const { api, out, json, signal } = context
  const to = input.values('for')
  const maxBytes = sizeOf(input, 'max-bytes')
  const params = {
    file: resolve(input.word('file')),
    ...(to === undefined ? {} : { for: [...to] }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(input.isSet('force') ? { force: true } : {}),
  }
  const { event: _done, ...done } = await finished(context, input, api.bundleExport(params, signal))
  if (json) return out.json(done)
  for (const file of done.files) out.line(file)
  out.line({ style: 'dim', text: `${counted(done.envelopes, 'envelope')}, ${size(done.bytes)}` })
  if (done.tooLarge > 0)
    out.line({ style: 'bad', text: `${counted(done.tooLarge, 'envelope')} fit into no part of this size; a larger --max-bytes takes them` })
}

async function importBundles(context: CommandContext, input: Input): Promise<void> {
  const { api, out, json, signal } = context
  const files = input.words('file').map((file) => resolve(file))
  const { event: _done, ...done } = await finished(context, input, api.bundleImport({ files }, signal))
  const [failure] = done.failed
  if (json) out.json(done)
  else if (done.files > 0) printImported(context, done)
  if (failure === undefined) return
  for (const { file, message } of json ? [] : done.failed.slice(1)) out.line({ style: 'bad', text: `${shortPath(file)}: ${message}` })
  const { code, message, hint } = failure
  throw new MeshError(isErrorCode(code) ? code : 'NODE_FILE_UNUSABLE', message, {
    detail: { failed: done.failed.length },
    ...(hint === undefined ? {} : { hint }),
  })
}

function printImported({ out }: CommandContext, done: BundleImported): void {
  const ignored = listed(done.reasons)
  out.line(`${counted(done.accepted, 'envelope')} taken in, ${done.ignored} not${ignored === '' ? '' : ` (${ignored})`}`)
  if (done.carried > 0)
    out.line({ style: 'good', text: `${counted(done.carried, 'message')} of yours ${done.carried === 1 ? 'is' : 'are'} carried by somebody now` })
  const rejected = listed(done.rejected)
  if (rejected !== '') out.line({ style: 'bad', text: `refused: ${rejected}` })
  if (done.badBlocks > 0)
    out.line({ style: 'bad', text: `${done.badBlocks} of ${done.blocks} blocks were unreadable; what was in them comes with the next bundle` })
  if (done.partsFollow) out.line({ style: 'dim', text: 'the last part of the bundle was not among the files' })
  if (done.stopped !== undefined) out.line({ style: 'bad', text: STOPPED[done.stopped] })
}

const STOPPED = {
  rate: 'not all was read: too much came at once. Import it again in a minute.',
  full: 'not all was read: the store is full. Make room, and import it again.',
  hostile: 'not all was read: the file holds what nobody honest passes on.',
} as const

/** Shows the progress of long work and gives its last step. @throws MeshError `NODE_STOPPED` */
async function finished<T extends BundleExported | BundleImported>(
  { out, json, progress }: CommandContext,
  input: Input,
  steps: AsyncIterable<BundleStep<T>>,
): Promise<{ event: 'done' } & T> {
  const bar: ProgressLine | undefined = json ? undefined : progress
  try {
    for await (const step of steps) {
      if (step.event === 'done') return step
      bar?.show(step.done, step.total)
      if (json && input.isSet('progress')) out.json(step)
    }
  } finally {
    bar?.clear()
  }
  throw new MeshError('NODE_STOPPED', 'stopped before the end', {
    hint: 'what was read stays, and what was not written whole is gone; the same command begins again',
  })
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ')
}

function shortPath(file: string): string {
  return file.length <= 60 ? file : shortId(file)
}
