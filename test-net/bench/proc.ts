/** What the kernel says about processes and interfaces: the same for a node and for what it is compared with. */
import { readFile } from 'node:fs/promises'
import type { NodeSpace } from '../netns/index.ts'

/** Clock ticks a second in /proc (USER_HZ, the same on every Linux). */
const TICKS = 100

/** Processor time of a process so far, in ms, a tick of 10 ms exact: user and system, fields 14 and 15 of proc(5). */
export async function cpuMsOf(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS
}

/** Resident memory of a process now, in MB; with `VmHWM` the most that it ever was. */
export async function memoryMbOf(pid: number | undefined, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) / 1_000
}

/** Bytes that crossed an interface so far, with all headers from Ethernet on, by `ip -s -j link`. */
export async function wireBytesOf(space: NodeSpace, device: string): Promise<{ rx: number; tx: number }> {
  const { stdout } = await space.exec(['ip', '-s', '-j', 'link', 'show', 'dev', device])
  const [link] = JSON.parse(stdout) as Array<{ stats64: { rx: { bytes: number }; tx: { bytes: number } } } | undefined>
  if (link === undefined) throw new Error(`${space.name} has no interface ${device}`)
  return { rx: link.stats64.rx.bytes, tx: link.stats64.tx.bytes }
}
