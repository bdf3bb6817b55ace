import { callName, duration, placeOf, type Span, size } from '#cli/output'
import type { DoctorFinding } from '#node/control'
import type { Command, CommandContext } from './command.ts'

/** Commands about the node itself. */
export const NODE_COMMANDS: readonly Command[] = [
  {
    name: 'down',
    summary: 'stop the running node',
    example: 'qpq down',
    arguments: [],
    flags: [],
    call: 'down',
    run: async ({ api }) => void (await api.down()),
  },
  {
    name: 'status',
    summary: 'how the node is: peers, store, outbox, memory',
    example: 'qpq status --json',
    arguments: [],
    flags: [],
    call: 'status',
    inPlace: 'status',
    run: status,
  },
  { name: 'id', summary: 'who this node is, and its contact card', example: 'qpq id', arguments: [], flags: [], call: 'id', inPlace: 'id', run: id },
  {
    name: 'peers',
    summary: 'which nodes are connected right now',
    example: 'qpq peers',
    arguments: [],
    flags: [],
    call: 'peers',
    inPlace: 'peers',
    run: peers,
  },
  {
    name: 'doctor',
    summary: 'why nobody is seen, per network interface, and what to do',
    example: 'qpq doctor',
    arguments: [],
    flags: [],
    call: 'doctor',
    inPlace: 'doctor',
    run: doctor,
  },
]

async function status({ api, out, json }: CommandContext): Promise<void> {
  const now = await api.status()
  if (json) return out.json(now)
  const row = (name: string, value: string) => out.line({ style: 'dim', text: name.padEnd(10) }, value)
  row('device', now.device)
  row('up', duration(now.uptimeS))
  row('peers', String(now.peers))
  row('store', `${now.store.envelopes} envelopes, ${size(now.store.bytes)} of ${size(now.store.limitBytes)}${now.store.full ? ' (FULL)' : ''}`)
  row('outbox', `${now.outbox.queued} queued, ${now.outbox.carried} carried`)
  row('memory', size(now.rssBytes))
  for (const [name, state] of Object.entries(now.transports)) row(name, state)
  for (const [name, seen] of Object.entries(now.discovery)) {
    row(name, `${seen.state}, ${seen.sent} sent, ${seen.received} heard, ${seen.errors} errors${seen.lastError === undefined ? '' : ` (${seen.lastError})`}`)
  }
}

async function id({ api, out, json }: CommandContext): Promise<void> {
  const me = await api.id()
  if (json) return out.json(me)
  out.line({ style: 'dim', text: 'name    ' }, me.name)
  out.line({ style: 'dim', text: 'person  ' }, me.person)
  out.line({ style: 'dim', text: 'device  ' }, me.device)
  out.line({ style: 'dim', text: 'card    ' }, me.card)
}

async function peers({ api, out, json, isInPlace }: CommandContext): Promise<void> {
  const here = await api.peers()
  for (const peer of here) {
    if (json) out.json(peer)
    else {
      const ping = peer.rttMs === undefined ? '' : `, ${peer.rttMs.toFixed(1)} ms`
      out.line({ style: 'name', text: callName(peer) }, `  ${peer.transport} ${peer.direction}, since ${duration(peer.sinceS)}${ping}  `, {
        style: 'dim',
        text: placeOf(peer.address),
      })
    }
  }
  if (isInPlace && here.length === 0) out.line({ style: 'dim', text: 'nobody is connected; /doctor says why' })
}

async function doctor({ api, out, json }: CommandContext): Promise<void> {
  const report = await api.doctor()
  if (json) return out.json(report)
  for (const finding of report.findings) {
    // Sentences about an interface begin with its name already.
    const about = finding.message.startsWith(finding.subject) ? '' : `${finding.subject}: `
    out.line(mark(finding), { style: 'bold', text: about }, finding.message)
    if (finding.advice !== '') out.line(`         ${finding.advice}`)
  }
  out.line({ style: report.healthy ? 'good' : 'bad', text: report.healthy ? 'nothing keeps people apart here' : 'something keeps people apart: see above' })
}

function mark(finding: DoctorFinding): Span {
  const text = finding.level.padEnd(9)
  if (finding.level === 'ok') return { style: 'good', text }
  return { style: finding.level === 'note' ? 'dim' : 'bad', text }
}
