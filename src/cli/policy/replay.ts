// `gatehouse policy replay`: recorded decisions under the rules of a folder: same, changed, or undecidable.

import { CedarEngine } from '../../adapters/cedar/engine.ts'
import { Replay } from '../../policy/replay.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { loadFolder, reportFaults } from './folder.ts'
import { recordedDecisions } from './recorded.ts'
import type { Bundle } from '../../policy/load.ts'

export type ReplayReport = {
  readonly same: number
  readonly changed: readonly ChangedDecision[]
  readonly undecidable: readonly { readonly line: number; readonly action: string; readonly missing: readonly string[] }[]
  /** lines that claim to hold a decision and do not */
  readonly unreadable: readonly number[]
}
type ChangedDecision = {
  readonly line: number
  readonly action: string
  readonly principal: string
  readonly resource: string
  readonly before: string
  readonly after: string
  readonly rules: readonly string[]
}

export async function run(args: CommandArgs): Promise<number> {
  const { io, json } = args
  const file = args.text('recorded')
  if (file === undefined) {
    io.err('gatehouse policy replay: expected --recorded FILE\n')
    return EXIT.usage
  }
  const loaded = await loadFolder(args)
  const { bundle } = loaded
  if (reportFaults(args, loaded) || !bundle) return EXIT.failed
  const report = await replayed(args, file, bundle)
  io.out(json ? `${JSON.stringify({ digest: bundle.digest, ...report })}\n` : replayWords(report, file))
  return report.changed.length + report.undecidable.length + report.unreadable.length === 0 ? EXIT.ok : EXIT.failed
}

export async function replayed(args: CommandArgs, file: string, bundle: Bundle): Promise<ReplayReport> {
  const replay = new Replay(bundle, new CedarEngine())
  const report = {
    same: 0,
    changed: [] as ChangedDecision[],
    undecidable: [] as ReplayReport['undecidable'][number][],
    unreadable: [] as number[],
  }
  for await (const { line, record } of recordedDecisions(args, file)) {
    if (!record) {
      report.unreadable.push(line)
      continue
    }
    const replayed = replay.of(record)
    const action = record.facts?.action ?? '?'
    if (replayed.verdict === 'undecidable') report.undecidable.push({ line, action, missing: replayed.missing })
    else if (replayed.verdict === 'same') report.same += 1
    else {
      const [principal = '', resource = ''] = [record.facts?.principal, record.facts?.resource].map(
        of => `${of?.type ?? ''} ${of?.id ?? ''}`,
      )
      report.changed.push({ line, action, principal, resource, before: replayed.before, after: replayed.after, rules: replayed.rules })
    }
  }
  return report
}

const MAX_SHOWN = 50

export function replayWords({ same, changed, undecidable, unreadable }: ReplayReport, file: string): string {
  const lines = [
    ...changed.slice(0, MAX_SHOWN).map(({ line, before, after, action, principal, resource, rules }) => {
      const by = rules.length > 0 ? ` by ${rules.join(', ')}` : ''
      return `${file}:${line} ${before} -> ${after}${by}: ${principal} ${action} ${resource}`
    }),
    ...undecidable
      .slice(0, MAX_SHOWN)
      .map(({ line, action, missing }) => `${file}:${line} undecidable: ${action}: not recorded: ${missing.join(', ')}`),
    ...unreadable.slice(0, MAX_SHOWN).map(line => `${file}:${line} is no recorded decision`),
    `${same} same, ${changed.length} changed, ${undecidable.length} undecidable${unreadable.length > 0 ? `, ${unreadable.length} unreadable` : ''}`,
  ]
  return `${lines.map(line => line.replaceAll(/\p{Cc}/gu, '?')).join('\n')}\n`
}
