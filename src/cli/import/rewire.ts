// Points a host at the gateway: the servers that were brought in leave its list, one entry for the gateway joins it, everything else stays byte for byte.

import { isDeepStrictEqual } from 'node:util'
import type { GatewayEntry, Host } from '../hosts/host.ts'
import { objectAt, parseJsonc, plainOf, rewriteObject, splice } from '../jsonc.ts'
import { isRecord } from './entry.ts'
import type { FoundFile, PlanInput, PlannedFile, PlannedServer } from './model.ts'

const GATEWAY_NAME = 'gatehouse'

/** Files that would change. Throws when a change would not come out as meant: then nothing is written at all. */
export function rewire(files: readonly FoundFile[], servers: readonly PlannedServer[], input: PlanInput): readonly PlannedFile[] {
  return files.flatMap(file => {
    const after = rewired(file, servers, input)
    if (after === file.text) return []
    const { hostFile, bytes } = file
    return [{ path: hostFile.file, label: file.host.title, before: bytes, after, isShared: hostFile.isShared }]
  })
}

function rewired(file: FoundFile, servers: readonly PlannedServer[], input: PlanInput): string {
  const edits: { start: number; end: number; text: string }[] = []
  const expected = structuredClone(plainOf(file.root))
  for (const { path } of file.hostFile.containers) {
    const leaving = new Set(servers.filter(s => s.file === file.hostFile.file && isDeepStrictEqual(s.path, path)).map(s => s.name))
    const object = leaving.size === 0 ? undefined : objectAt(file.root, path)
    if (!object) continue
    const added = gatewayMember(plainOf(object), leaving, { host: file.host, input })
    edits.push({ start: object.start, end: object.end, text: rewriteObject(file.text, object, leaving, added) })
    change(expected, path, leaving, added)
  }
  const after = splice(file.text, edits)
  if (!isDeepStrictEqual(plainOf(parseJsonc(after)), expected))
    throw new Error(`cannot change \`${file.hostFile.file}\` without changing something else in it`)
  return after
}

type Member = { readonly key: string; readonly value: unknown }

/** The entry to add, or undefined where the list has one already. */
function gatewayMember(
  container: unknown,
  leaving: ReadonlySet<string>,
  { host, input }: { readonly host: Host; readonly input: PlanInput },
): Member | undefined {
  const list = isRecord(container) ? container : {}
  const staying = Object.keys(list).filter(name => !leaving.has(name))
  if (staying.some(name => isGateway(list[name], input))) return undefined
  let key = GATEWAY_NAME
  for (let count = 2; staying.includes(key); count++) key = `${GATEWAY_NAME}-${count}`
  const via = host.speaksHttp ? (input.via ?? 'http') : 'stdio'
  const gateway: GatewayEntry = via === 'http' ? { via, url: `${input.snapshot.publicUrl}/mcp` } : { via, ...input.bridge }
  return { key, value: host.entry(gateway) }
}

/** The same change on plain data, to hold the new text against. */
function change(root: unknown, path: readonly string[], leaving: ReadonlySet<string>, added: Member | undefined): void {
  const parent = path.slice(0, -1).reduce<unknown>((node, key) => (isRecord(node) ? node[key] : undefined), root)
  const last = path.at(-1) ?? ''
  if (!isRecord(parent) || !isRecord(parent[last])) return
  const kept = Object.entries(parent[last]).filter(([name]) => !leaving.has(name))
  Object.defineProperty(parent, last, {
    value: Object.fromEntries([...kept, ...(added ? [[added.key, added.value] as const] : [])]),
    enumerable: true,
  })
}

/** Whether an entry leads to this gateway already. */
export function isGateway(value: unknown, { snapshot, bridge }: Pick<PlanInput, 'snapshot' | 'bridge'>): boolean {
  if (!isRecord(value)) return false
  const { url, command, args } = value
  if (typeof url === 'string') return URL.canParse(url) && new URL(url).origin === snapshot.publicUrl
  if (typeof command !== 'string' || !Array.isArray(args) || !args.includes('stdio')) return false
  // INVARIANT: the bridge's arguments start with the script of this command line.
  return /(?:^|[\\/])gatehouse(?:\.cmd|\.exe)?$/.test(command) || args.includes(bridge.args[0])
}
