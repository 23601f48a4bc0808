// A YAML file of people as plain data, and where in it something stands.

import { parseYaml, type YamlNode } from '../../config/parse.ts'
import { plainOf } from '../../config/plain-yaml.ts'
import { readCases, type Case } from '../../policy/cases.ts'
import type { PolicyFault } from '../../policy/load.ts'
import type { PlainFault } from '../../policy/plain.ts'

type YamlFile = {
  /** undefined when it could not be read */
  readonly data: unknown
  readonly faults: readonly PolicyFault[]
  /** faults of what it says, with their places */
  placed(faults: readonly PlainFault[]): PolicyFault[]
}

export function readYaml(file: string, bytes: Buffer): YamlFile {
  const yaml = parseYaml(bytes)
  const { root, faults } = yaml
  const place = (path: string): { readonly line: number; readonly column: number } =>
    root ? yaml.positionOf(placeOf(root, path)) : { line: 0, column: 0 }
  return {
    data: root && plainOf(root),
    faults: faults.map(({ line, column, message, fix }) => ({ file, line, column, message, ...(fix !== undefined && { fix }) })),
    placed: found =>
      found.map(({ path, message, fix }) => ({
        file,
        ...place(path),
        message: `${path === '' ? '' : `${path}: `}${message}`,
        ...(fix !== undefined && { fix }),
      })),
  }
}

/** A case, and where it stands. */
export type PlacedCase = { readonly case: Case; readonly file: string; readonly line: number }

/** The cases of a file of policies/tests. */
export function readCasesFile(
  file: string,
  bytes: Buffer,
): { readonly cases: readonly PlacedCase[]; readonly faults: readonly PolicyFault[] } {
  const yaml = readYaml(file, bytes)
  if (yaml.data === undefined) return { cases: [], faults: yaml.faults }
  const { cases, faults } = readCases(yaml.data)
  const lines = yaml.placed(cases.map(({ path }) => ({ path, message: '' })))
  return {
    cases: cases.map((each, at) => ({ case: each, file, line: lines[at]?.line ?? 0 })),
    faults: [...yaml.faults, ...yaml.placed(faults)],
  }
}

/** Where the value at a path stands, or the nearest value around it. */
function placeOf(root: YamlNode, path: string): number {
  let node = root
  let at = root.at
  for (const step of path.split(/[.[\]]+/).filter(part => part !== '')) {
    const entry = node.kind === 'map' ? node.entries.find(({ key }) => key === step) : undefined
    const next = entry?.value ?? (node.kind === 'list' ? node.items[Number(step)] : undefined)
    if (!next) return at
    at = entry?.at ?? next.at
    node = next
  }
  return at
}
