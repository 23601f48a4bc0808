// `gatehouse policy fmt`: files in the one form, and the schema of this gateway beside them.

import { join } from 'node:path'
import { formatFile } from '../../policy/format.ts'
import { positionsOf } from '../../policy/split.ts'
import type { PolicyFault } from '../../policy/load.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { writeAtomic } from '../files.ts'
import { faultText, folderOf, loadFolder } from './folder.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io, json } = args
  const { dir, folder, language, schema } = await loadFolder(args)
  const faults: PolicyFault[] = [...folder.faults]
  const changed: { readonly name: string; readonly text: string }[] = []
  for (const { name, text } of folder.policies) {
    const formatted = formatFile(text, language)
    if (typeof formatted === 'string') {
      if (formatted !== text) changed.push({ name, text: formatted })
    } else {
      const positionOf = positionsOf(text)
      for (const { message, start = 0 } of formatted.faults)
        faults.push({
          file: name,
          ...positionOf(Buffer.from(text).subarray(0, start).toString().length),
          message: message.replace(/^cannot parse input policies: /, ''),
        })
    }
  }
  if (folder.schema !== schema && folder.policies.length > 0) changed.push({ name: 'mcp.cedarschema', text: schema })
  const isCheck = args.flag('check')
  if (!isCheck && faults.length === 0) for (const { name, text } of changed) await writeAtomic(join(folderOf(args), name), text, 0o644)
  if (json) io.out(`${JSON.stringify({ changed: changed.map(({ name }) => name), faults })}\n`)
  else {
    for (const fault of faults) io.err(faultText(dir, fault))
    for (const { name } of changed) {
      if (isCheck) io.err(`${dir}/${name}: not in form; run \`gatehouse policy fmt\`\n`)
      else io.out(`${dir}/${name}\n`)
    }
  }
  return faults.length > 0 || (isCheck && changed.length > 0) ? EXIT.failed : EXIT.ok
}
