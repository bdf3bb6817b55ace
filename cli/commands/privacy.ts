import type { PrivacyReport } from '#node/control'
import type { Command, CommandContext } from './command.ts'

const WHO: Readonly<Record<PrivacyReport['views'][number]['who'], string>> = {
  carrier: 'who carries a message of yours',
  relay: 'a relay',
  'lan-neighbour': 'a neighbour on your LAN',
  'other-person': 'the person you write to',
  'finder-of-the-disk': 'who finds your disk',
}

/** `qpq privacy`. */
export const PRIVACY_COMMAND: Command = {
  name: 'privacy',
  summary: 'what is protected here, and who can see what',
  example: 'qpq privacy',
  arguments: [],
  flags: [],
  call: 'privacy',
  inPlace: 'privacy',
  run: privacy,
}

async function privacy({ api, out, json }: CommandContext): Promise<void> {
  const report = await api.privacy()
  if (json) return out.json(report)
  for (const { protects, message, advice } of report.settings) {
    out.line({ style: protects ? 'good' : 'bad', text: protects ? '+ ' : '- ' }, message)
    if (advice !== undefined) out.line({ style: 'dim', text: `    ${advice}` })
  }
  for (const { who, sees, hidden } of report.views) {
    out.gap()
    out.line({ style: 'bold', text: WHO[who] })
    for (const what of sees) out.line('  sees      ', what)
    for (const what of hidden) out.line({ style: 'dim', text: `  not       ${what}` })
  }
}
