// Starts or connects to one upstream as the gateway would, asks who it is, and lets it go again. Nothing is pinned.

import type { EraPins } from '../../adapters/upstream/era-pins.ts'
import { Ticker } from '../../adapters/upstream/ticker.ts'
import { createUpstream } from '../../adapters/upstream/upstream.ts'
import { randomInt } from 'node:crypto'
import type { UpstreamSettings } from '../../config/schema.ts'
import type { Io } from '../command.ts'
import type { Probe } from './check.ts'

/** Bounded by the upstream's own connect timeout, and by 15 seconds. */
export async function probeUpstream(settings: UpstreamSettings, io: Io): Promise<Probe> {
  const connectMs = Math.min(settings.timeouts.connectMs, 15_000)
  const noPins: EraPins = { get: () => undefined, set: () => undefined }
  const upstream = createUpstream(
    { ...settings, timeouts: { ...settings.timeouts, connectMs } },
    {
      ticker: new Ticker({ now: () => performance.now(), wake }),
      pins: noPins,
      // An administrator's own look from the command line: the log is the running gateway's alone.
      contacts: () => Promise.resolve({ end: () => Promise.resolve() }),
      log: () => undefined,
      environment: io.env,
      random: () => randomInt(2 ** 32) / 2 ** 32,
      wallNow: () => io.now(),
      info: { name: 'gatehouse-doctor', version: '0' },
    },
  )
  try {
    const face = await upstream.face({ principal: '*', capabilities: '{}', affinity: '' })
    if ('stop' in face) return { ok: false, detail: face.detail }
    const { name, version } = face.serverInfo
    return { ok: true, detail: `it answers: ${word(name)} ${word(version)}, ${face.era} (${word(face.protocolVersion)})` }
  } finally {
    await upstream.close(2000)
  }
}

function wake(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms)
  return () => clearTimeout(timer)
}

/** attacker-controlled: what an upstream calls itself goes to a terminal. */
const word = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 60).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?') : '?')
