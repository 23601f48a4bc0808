// `gatehouse policy lint`: rules that are valid and do nothing.

import { lint } from '../../policy/lint.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { loadFolder, reportFaults } from './folder.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io, json } = args
  const loaded = await loadFolder(args)
  const { bundle, dir } = loaded
  if (reportFaults(args, loaded) || !bundle) return EXIT.failed
  const findings = lint(bundle.policies)
  if (json) {
    const shown = findings.map(({ code, policy, message, by }) => ({
      code,
      id: policy.id,
      file: policy.file,
      line: policy.line,
      message,
      ...(by && { by: by.id }),
    }))
    io.out(`${JSON.stringify({ digest: bundle.digest, findings: shown })}\n`)
  } else {
    for (const { code, policy, message, by } of findings)
      io.out(`${dir}/${policy.file}:${policy.line} ${policy.id}: ${message} [${code}]${by ? ` (${by.file}:${by.line})` : ''}\n`)
    if (findings.length === 0) io.out(`${dir}: each of ${bundle.policies.length} rules can matter\n`)
  }
  return findings.length === 0 ? EXIT.ok : EXIT.failed
}
