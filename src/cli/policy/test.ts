// `gatehouse policy test`: every case as expected, every rule decides one, and without any rule one fails.

import { coverageOf, whyNot } from '../../policy/cases.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { loadFolder, reportFaults, rulesOf } from './folder.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io, json } = args
  const loaded = await loadFolder(args)
  const { bundle, cases, dir } = loaded
  if (reportFaults(args, loaded) || !bundle) return EXIT.failed
  const rules = rulesOf(bundle)
  const failed = cases.flatMap(({ case: each, file, line }) => {
    const why = whyNot(each, rules.decide(each.request))
    return why === undefined ? [] : [{ file, line, case: each.name, why }]
  })
  // Held against cases that do not hold themselves, rules would look guarded that are not.
  const { unused, unguarded } =
    failed.length > 0
      ? { unused: [], unguarded: [] }
      : coverageOf(
          cases.map(placed => placed.case),
          rules,
          policy => rulesOf({ ...bundle, policies: bundle.policies.filter(other => other !== policy) }),
        )
  const isGood = failed.length + unused.length + unguarded.length === 0
  if (json) {
    const named = (policies: typeof unused): object[] => policies.map(({ id, file, line }) => ({ id, file, line }))
    io.out(
      `${JSON.stringify({ passed: isGood, digest: bundle.digest, cases: cases.length, failed, unused: named(unused), unguarded: named(unguarded) })}\n`,
    )
    return isGood ? EXIT.ok : EXIT.failed
  }
  for (const { file, line, case: name, why } of failed) io.err(`${dir}/${file}:${line} ${name}: ${why}\n`)
  for (const { id, file, line } of unused) io.err(`${dir}/${file}:${line} ${id}: decides no case; write one that it decides\n`)
  for (const { id, file, line } of unguarded)
    io.err(`${dir}/${file}:${line} ${id}: nobody would notice that it is gone; write a case that fails without it\n`)
  if (isGood) io.out(`${dir}: ${cases.length} cases as expected; each of ${bundle.policies.length} rules decides one and would be missed\n`)
  else if (failed.length > 0) io.err(`${failed.length} of ${cases.length} cases failed\n`)
  return isGood ? EXIT.ok : EXIT.failed
}
