// A folder of policies as the commands use it: read, loaded, its cases beside it; and how faults are shown.

import { relative, resolve } from 'node:path'
import { CedarEngine } from '../../adapters/cedar/engine.ts'
import { CedarLanguage } from '../../adapters/cedar/language.ts'
import { readPolicyFolder, shippedSchema, type PolicyFolder } from '../../adapters/policy-folder.ts'
import { PolicyRules } from '../../policy/evaluate.ts'
import { loadBundle, type Bundle, type PolicyFault } from '../../policy/load.ts'
import type { CommandArgs } from '../command.ts'
import { readCasesFile, type PlacedCase } from './cases-file.ts'

export type Loaded = {
  /** as it is shown: relative to the working directory */
  readonly dir: string
  readonly folder: PolicyFolder
  readonly language: CedarLanguage
  readonly schema: string
  /** absent where anything is wrong with the rules */
  readonly bundle?: Bundle
  readonly cases: readonly PlacedCase[]
  /** in the order of files and lines */
  readonly faults: readonly PolicyFault[]
}

/** The folder of the first positional, else `policies` in the working directory. */
export const folderOf = ({ io, positionals }: CommandArgs): string => resolve(io.cwd, positionals[0] ?? 'policies')

export async function loadFolder(args: CommandArgs, dir = folderOf(args)): Promise<Loaded> {
  const folder = await readPolicyFolder(dir)
  const language = new CedarLanguage()
  const schema = shippedSchema()
  const loaded = loadBundle(folder.policies, { language, schema })
  const cases = folder.cases.map(({ name, bytes }) => readCasesFile(name, bytes))
  const faults = [...folder.faults, ...('faults' in loaded ? loaded.faults : []), ...cases.flatMap(file => file.faults)]
  return {
    dir: relative(args.io.cwd, dir) || '.',
    folder,
    language,
    schema,
    ...('bundle' in loaded && folder.faults.length === 0 && { bundle: loaded.bundle }),
    cases: cases.flatMap(file => file.cases),
    faults: faults.sort((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1)),
  }
}

/** The rules, ready to be asked by a command. */
export const rulesOf = (bundle: Bundle): PolicyRules => new PolicyRules(bundle, new CedarEngine())

/** `policies/authz/10.cedar:3:1 some.rule: message; fix` */
export function faultText(dir: string, { file, line, column, id, message, fix }: PolicyFault): string {
  const place = line > 0 ? `:${line}:${column}` : ''
  return `${dir}${file === '' ? '' : `/${file}`}${place} ${id === undefined ? '' : `${id}: `}${message}${fix === undefined ? '' : `; ${fix}`}\n`
}

/** Shows what is wrong and answers whether anything is. */
export function reportFaults({ io, json }: CommandArgs, { dir, faults }: Pick<Loaded, 'dir' | 'faults'>): boolean {
  if (faults.length === 0) return false
  if (json) io.out(`${JSON.stringify({ valid: false, faults })}\n`)
  else {
    for (const fault of faults) io.err(faultText(dir, fault))
    io.err(`${faults.length === 1 ? '1 fault' : `${faults.length} faults`}; nothing was loaded\n`)
  }
  return true
}
