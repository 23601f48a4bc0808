// `gatehouse policy replay`: recorded decisions under the rules of a folder: same, changed, or undecidable.

import { CedarEngine } from '../../adapters/cedar/engine.ts'
import { inertLine } from '../../kernel/json-string.ts'
import { Replay } from '../../policy/replay.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { loadFolder, reportFaults } from './folder.ts'
import { eachRecorded } from './recorded.ts'
import type { Bundle } from '../../policy/load.ts'

/** Where it stands. `file`: relative to the working directory. */
type Place = { readonly file: string; readonly line: number }

export type ReplayReport = {
  readonly same: number
  readonly changed: readonly ChangedDecision[]
  readonly undecidable: readonly (Place & { readonly action: string; readonly missing: readonly string[] })[]
  /** lines that claim to hold a decision and do not */
  readonly unreadable: readonly Place[]
}
type ChangedDecision = Place & {
  readonly action: string
  readonly principal: string
  readonly resource: string
  readonly before: string
  readonly after: string
  readonly rules: readonly string[]
}

export async function run(args: CommandArgs): Promise<number> {
  const { io, json } = args
  const place = args.text('recorded')
  if (place === undefined) {
    io.err('gatehouse policy replay: expected --recorded with a file of decisions or the folder of an audit log\n')
    return EXIT.usage
  }
  const loaded = await loadFolder(args)
  const { bundle } = loaded
  if (reportFaults(args, loaded) || !bundle) return EXIT.failed
  const report = await replayed(args, place, bundle)
  if (typeof report === 'string') {
    io.err(`gatehouse policy replay: ${report}\n`)
    return EXIT.usage
  }
  io.out(json ? `${JSON.stringify({ digest: bundle.digest, ...report })}\n` : replayWords(report))
  return report.same > 0 && report.changed.length + report.undecidable.length + report.unreadable.length === 0 ? EXIT.ok : EXIT.failed
}

/** A text says why nothing can be read. */
export async function replayed({ io }: CommandArgs, place: string, bundle: Bundle): Promise<ReplayReport | string> {
  const replay = new Replay(bundle, new CedarEngine())
  const report = {
    same: 0,
    changed: [] as ChangedDecision[],
    undecidable: [] as ReplayReport['undecidable'][number][],
    unreadable: [] as Place[],
  }
  const problem = await eachRecorded(io, place, ({ file, line, record }) => {
    if (!record) {
      report.unreadable.push({ file, line })
      return
    }
    const again = replay.of(record)
    const action = record.facts?.action ?? '?'
    if (again.verdict === 'undecidable') report.undecidable.push({ file, line, action, missing: again.missing })
    else if (again.verdict === 'same') report.same += 1
    else {
      const [principal = '', resource = ''] = [record.facts?.principal, record.facts?.resource].map(
        of => `${of?.type ?? ''} ${of?.id ?? ''}`,
      )
      report.changed.push({ file, line, action, principal, resource, before: again.before, after: again.after, rules: again.rules })
    }
  })
  return problem ?? report
}

const MAX_SHOWN = 50

export function replayWords({ same, changed, undecidable, unreadable }: ReplayReport): string {
  if (same + changed.length + undecidable.length + unreadable.length === 0) return 'no decisions are recorded there\n'
  const lines = [
    ...changed.slice(0, MAX_SHOWN).map(({ file, line, before, after, action, principal, resource, rules }) => {
      const by = rules.length > 0 ? ` by ${rules.join(', ')}` : ''
      return `${file}:${line} ${before} -> ${after}${by}: ${principal} ${action} ${resource}`
    }),
    ...undecidable
      .slice(0, MAX_SHOWN)
      .map(({ file, line, action, missing }) => `${file}:${line} undecidable: ${action}: not recorded: ${missing.join(', ')}`),
    ...unreadable.slice(0, MAX_SHOWN).map(({ file, line }) => `${file}:${line} is no recorded decision`),
    `${same} same, ${changed.length} changed, ${undecidable.length} undecidable${unreadable.length > 0 ? `, ${unreadable.length} unreadable` : ''}`,
  ]
  return `${lines.map(inertLine).join('\n')}\n`
}
