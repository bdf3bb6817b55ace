/** One page about one run: a single file without scripts or links, with its pictures drawn as SVG. */
import type { Scenario } from './scenario.ts'
import type { Outcome, Sample } from './world.ts'

const WIDTH = 720
const HEIGHT = 220
const MARGIN = { left: 64, right: 12, top: 12, bottom: 34 }
const HOUR_MS = 3_600_000
/** Bars of the histogram of latencies, on a scale of powers of two from a tenth of a second on. */
const LEAST_LATENCY_MS = 100

interface Series {
  readonly name: string
  readonly colour: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

/** The page as HTML. */
export function renderReport(scenario: Scenario, outcome: Outcome): string {
  const { samples, latenciesMs, counts, failures } = outcome
  const hours = (pick: (sample: Sample) => number): (readonly [number, number])[] => samples.map((sample) => [sample.atMs / HOUR_MS, pick(sample)] as const)
  const verdict = failures.length === 0 ? 'every check held' : `${failures.length} failures`
  const sections = [
    [
      'Delivery over time',
      chart(
        [
          series(
            'acknowledged',
            '#888',
            hours((s) => s.acknowledged),
          ),
          series(
            'shown',
            '#0a6',
            hours((s) => s.shown),
          ),
        ],
        'hours',
        'messages',
      ),
    ],
    [
      'Copies of messages in all stores',
      chart(
        [
          series(
            'copies',
            '#06c',
            hours((s) => s.copies),
          ),
        ],
        'hours',
        'copies',
      ),
    ],
    ['From writing to showing', histogram(latenciesMs)],
    [
      'Store sizes',
      chart(
        [
          series(
            'largest',
            '#c60',
            hours((s) => s.maxBytes / 1e6),
          ),
          series(
            'mean',
            '#06c',
            hours((s) => s.meanBytes / 1e6),
          ),
        ],
        'hours',
        'MB, with overhead',
      ),
    ],
  ] as const
  const facts: [string, string][] = [
    ['seed', String(outcome.seed)],
    ['nodes', String(scenario.nodes)],
    ['node-hours', outcome.nodeHours.toFixed(1)],
    ['node-hours per CPU-minute', (outcome.nodeHours / Math.max(outcome.cpuMs / 60_000, 1e-9)).toFixed(0)],
    ['messages acknowledged, shown, known to be delivered', `${counts.acknowledged}, ${counts.shown}, ${counts.delivered}`],
    ['latency, median and 95 %', `${seconds(quantile(latenciesMs, 0.5))}, ${seconds(quantile(latenciesMs, 0.95))}`],
    ['frames, MB on links', `${counts.frames}, ${(counts.frameBytes / 1e6).toFixed(1)}`],
    ['envelopes stored, evicted', `${counts.stored}, ${counts.evicted}`],
    ['sessions ended because of what a peer did', String(counts.offences)],
    ['hash of the run', outcome.hash],
  ]
  const failed = failures.map(({ check, atMs, what }) => `<li><b>${escaped(check)}</b> at ${(atMs / HOUR_MS).toFixed(2)} h: ${escaped(what)}</li>`).join('')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(scenario.name)}, seed ${outcome.seed}</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2em auto;padding:0 1em;color:#222}
svg{width:100%;height:auto;background:#fafafa}text{font-size:12px;fill:#444}td{padding:0 1em 0 0;vertical-align:top}td+td{word-break:break-all}</style></head>
<body><h1>${escaped(scenario.name)}: ${verdict}</h1><p>${escaped(scenario.about ?? '')}</p>
<table>${facts.map(([name, value]) => `<tr><td>${name}</td><td>${escaped(value)}</td></tr>`).join('')}</table>
${failed === '' ? '' : `<h2>What failed</h2><ul>${failed}</ul>`}
${sections.map(([title, picture]) => `<h2>${title}</h2>${picture}`).join('\n')}
</body></html>
`
}

function series(name: string, colour: string, points: Series['points']): Series {
  return { name, colour, points }
}

function chart(all: readonly Series[], xName: string, yName: string): string {
  const points = all.flatMap((one) => one.points)
  const maxX = Math.max(1e-9, ...points.map(([x]) => x))
  const maxY = Math.max(1e-9, ...points.map(([, y]) => y))
  const at = ([x, y]: readonly [number, number]): string => `${scaleX(x / maxX).toFixed(1)},${scaleY(y / maxY).toFixed(1)}`
  const lines = all.map(({ colour, points: own }) => `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${own.map(at).join(' ')}"/>`)
  const names = all.map(({ name, colour }, i) => `<text x="${MARGIN.left + 8 + i * 130}" y="${MARGIN.top + 14}" style="fill:${colour}">${name}</text>`)
  return picture([...axes(maxX, maxY, xName, yName), ...lines, ...names])
}

/** How many messages took how long, each bar twice as long as the one before. */
function histogram(latenciesMs: readonly number[]): string {
  const bins: number[] = []
  for (const latency of latenciesMs) {
    const bin = Math.max(0, Math.ceil(Math.log2(Math.max(latency, 1) / LEAST_LATENCY_MS)))
    bins[bin] = (bins[bin] ?? 0) + 1
  }
  const filled = Array.from(bins, (count) => count ?? 0)
  const most = Math.max(1, ...filled)
  const width = (WIDTH - MARGIN.left - MARGIN.right) / Math.max(1, filled.length)
  const bars = filled.map((count, i) => {
    const [x, y] = [MARGIN.left + i * width, scaleY(count / most)]
    const label = i % 3 === 0 ? `<text x="${x}" y="${HEIGHT - 16}">${seconds(LEAST_LATENCY_MS * 2 ** i)}</text>` : ''
    return `<rect x="${x + 1}" y="${y.toFixed(1)}" width="${(width - 2).toFixed(1)}" height="${(scaleY(0) - y).toFixed(1)}" fill="#06c"/>${label}`
  })
  return picture([...axes(undefined, most, 'at most so long', 'messages'), ...bars])
}

function axes(maxX: number | undefined, maxY: number, xName: string, yName: string): string[] {
  const [left, bottom] = [MARGIN.left, HEIGHT - MARGIN.bottom]
  const ticks = [0.25, 0.5, 0.75, 1]
  return [
    `<path d="M${left} ${MARGIN.top}V${bottom}H${WIDTH - MARGIN.right}" stroke="#888" fill="none"/>`,
    ...ticks.map((part) => `<text x="${left - 6}" y="${scaleY(part) + 4}" text-anchor="end">${short(maxY * part)}</text>`),
    ...(maxX === undefined ? [] : ticks.map((part) => `<text x="${scaleX(part)}" y="${bottom + 16}" text-anchor="end">${short(maxX * part)}</text>`)),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 2}" text-anchor="middle">${xName}</text>`,
    `<text x="12" y="${HEIGHT / 2}" transform="rotate(-90 12 ${HEIGHT / 2})" text-anchor="middle">${yName}</text>`,
  ]
}

function picture(parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">${parts.join('')}</svg>`
}

function scaleX(part: number): number {
  return MARGIN.left + part * (WIDTH - MARGIN.left - MARGIN.right)
}

function scaleY(part: number): number {
  return HEIGHT - MARGIN.bottom - part * (HEIGHT - MARGIN.bottom - MARGIN.top)
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

function seconds(ms: number): string {
  if (ms < 60_000) return `${short(ms / 1_000)} s`
  return ms < HOUR_MS ? `${short(ms / 60_000)} min` : `${short(ms / HOUR_MS)} h`
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(2)))
}

/** Text inside a page. */
export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
