// YAML that is no configuration (cases of policies): as plain data, by the one reader.

import type { ConfigFault } from './faults.ts'
import { parseYaml, type YamlNode } from './parse.ts'

/** `data` is undefined when it could not be read. */
export function readPlainYaml(bytes: Buffer): { readonly data: unknown; readonly faults: readonly ConfigFault[] } {
  const { root, faults } = parseYaml(bytes)
  return { data: root && plainOf(root), faults }
}

export function plainOf(node: YamlNode): unknown {
  switch (node.kind) {
    case 'map':
      // `__proto__` becomes a member like every other
      return Object.fromEntries(node.entries.map(({ key, value }) => [key, plainOf(value)]))
    case 'list':
      return node.items.map(plainOf)
    case 'scalar':
      return node.value
    case 'refused':
      return undefined
  }
}
