// `gatehouse policy validate`: whether a folder of policies would load, and all that is wrong with it.

import { EXIT, type CommandArgs } from '../command.ts'
import { loadFolder, reportFaults } from './folder.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io, json } = args
  const loaded = await loadFolder(args)
  const { bundle, dir, folder, schema } = loaded
  const stale =
    folder.schema !== undefined && folder.schema !== schema
      ? [
          {
            file: 'mcp.cedarschema',
            line: 0,
            column: 0,
            message: 'is not the schema of this gateway',
            fix: '`gatehouse policy fmt` replaces it',
          },
        ]
      : []
  if (reportFaults(args, { dir, faults: [...loaded.faults, ...stale] }) || !bundle) return EXIT.failed
  const rules = { authz: 0, obligations: 0 }
  for (const { set } of bundle.policies) rules[set] += 1
  if (json) io.out(`${JSON.stringify({ valid: true, digest: bundle.digest, rules, cases: loaded.cases.length })}\n`)
  else io.out(`${dir}: ${rules.authz} rules, ${rules.obligations} obligations, ${loaded.cases.length} cases; digest ${bundle.digest}\n`)
  return EXIT.ok
}
