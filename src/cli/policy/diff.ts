// `gatehouse policy diff`: two folders of policies beside each other: rules, what cases of either come to, and recorded decisions.

import { resolve } from 'node:path'
import { compareBundles } from '../../policy/compare.ts'
import type { Bundle, Policy } from '../../policy/load.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { loadFolder, reportFaults, rulesOf, type Loaded } from './folder.ts'
import { replayed, replayWords } from './replay.ts'

type Sides = { readonly before: Loaded & { readonly bundle: Bundle }; readonly after: Loaded & { readonly bundle: Bundle } }

export async function run(args: CommandArgs): Promise<number> {
  const { io, json, positionals } = args
  const [old, now] = positionals
  if (old === undefined || now === undefined) {
    io.err('gatehouse policy diff: expected two folders\n')
    return EXIT.usage
  }
  const before = await loadFolder(args, resolve(io.cwd, old))
  const after = await loadFolder(args, resolve(io.cwd, now))
  const isFaulty = [before, after].map(side => reportFaults(args, side)).includes(true)
  if (isFaulty || !before.bundle || !after.bundle) return EXIT.failed
  const sides: Sides = { before: { ...before, bundle: before.bundle }, after: { ...after, bundle: after.bundle } }
  const rules = compareBundles(before.bundle, after.bundle)
  const cases = changedCases(sides)
  const place = args.text('recorded')
  const recorded = place === undefined ? undefined : await replayed(args, place, after.bundle)
  if (typeof recorded === 'string') {
    io.err(`gatehouse policy diff: ${recorded}\n`)
    return EXIT.usage
  }
  if (json) {
    const ids = (policies: readonly Policy[]): string[] => policies.map(({ id }) => id)
    const named = { added: ids(rules.added), removed: ids(rules.removed), changed: rules.changed.map(each => each.after.id) }
    io.out(
      `${JSON.stringify({ before: before.bundle.digest, after: after.bundle.digest, ...named, cases, ...(recorded && { recorded }) })}\n`,
    )
  } else {
    const place = (side: Loaded, { file: at, line }: Policy): string => `${side.dir}/${at}:${line}`
    for (const policy of rules.removed) io.out(`- ${policy.id} (${place(before, policy)})\n`)
    for (const policy of rules.added) io.out(`+ ${policy.id} (${place(after, policy)})\n`)
    for (const each of rules.changed) io.out(`~ ${each.after.id} (${place(before, each.before)} -> ${place(after, each.after)})\n`)
    for (const { case: name, at, before: was, after: is, rules: by } of cases)
      io.out(`${at} ${name}: ${was} -> ${is}${by.length > 0 ? ` by ${by.join(', ')}` : ''}\n`)
    const count = rules.added.length + rules.removed.length + rules.changed.length
    io.out(`${count} rules differ, ${cases.length} of ${before.cases.length + after.cases.length} cases come out otherwise\n`)
    if (recorded) io.out(replayWords(recorded))
  }
  const isSame = before.bundle.digest === after.bundle.digest && cases.length === 0
  return isSame ? EXIT.ok : EXIT.failed
}

type ChangedCase = {
  readonly case: string
  readonly at: string
  readonly before: string
  readonly after: string
  readonly rules: readonly string[]
}

/** Cases of either folder, whatever they expect, that the two decide otherwise. */
function changedCases({ before, after }: Sides): ChangedCase[] {
  const [old, now] = [rulesOf(before.bundle), rulesOf(after.bundle)]
  const seen = new Set<string>()
  return [before, after].flatMap(side =>
    side.cases.flatMap(({ case: each, file, line }) => {
      const [was, is] = [old.decide(each.request), now.decide(each.request)]
      if (was.outcome === is.outcome || seen.has(`${file} ${each.name}`)) return []
      seen.add(`${file} ${each.name}`)
      return [{ case: each.name, at: `${side.dir}/${file}:${line}`, before: was.outcome, after: is.outcome, rules: is.rules }]
    }),
  )
}
