// Signs a statement with what the command line names, and writes the bundle. Never over one that is there, unless asked.

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { signPayload } from '../../adapters/sigstore/sign.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { shortName } from '../config-check.ts'
import { writeAtomic } from '../files.ts'
import { signerOf } from './signer.ts'

/** `out`: where it is written without --out. */
export type ToSign = { readonly command: string; readonly payload: Buffer; readonly out: string }
export type Written = { readonly out: string; readonly signedBy: string }

/** Answers an exit code; `report` runs once the bundle is on disk. With --statement it only prints what would be signed. */
export async function writeBundle(
  args: CommandArgs,
  { command, payload, out: unasked }: ToSign,
  report: (done: Written) => void,
): Promise<number> {
  const { io } = args
  if (args.flag('statement')) {
    io.out(`${payload.toString()}\n`)
    return EXIT.ok
  }
  const out = resolve(io.cwd, args.text('out') ?? unasked)
  if (existsSync(out) && !args.flag('force')) {
    io.err(`gatehouse ${command}: \`${shortName(out, io.cwd)}\` is there already and was left as it is; --force replaces it\n`)
    return EXIT.conflict
  }
  const { signer, witnesses } = await signerOf(args)
  const { bundle, signedBy } = await signPayload(payload, signer, witnesses)
  await writeAtomic(out, bundle, 0o644)
  report({ out, signedBy })
  return EXIT.ok
}
