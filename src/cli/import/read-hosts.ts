// Every server that hosts on this machine have, as entries the gateway could take over, and those it could not with the reason.

import { resolve } from 'node:path'
import { codeOf, readIfThere } from '../files.ts'
import type { Container, Host, HostFile } from '../hosts/host.ts'
import { pathsOf } from '../hosts/host.ts'
import { JsonFault, memberOf, objectAt, parseJsonc, plainOf } from '../jsonc.ts'
import type { Json, JsonObject } from '../jsonc.ts'
import { isRecord, readEntry, readEnvFile } from './entry.ts'
import type { Scope, Value } from './placeholders.ts'
import { isGateway } from './rewire.ts'
import type { Found, FoundFile, FoundServer, PlanInput, Skipped } from './model.ts'

export async function readHosts(input: PlanInput): Promise<Found> {
  const servers: FoundServer[] = []
  const skipped: Skipped[] = []
  const files: FoundFile[] = []
  for (const host of input.hosts) {
    for (const hostFile of host.files(input.place)) {
      const read = await readHostFile(hostFile, host)
      if (read === undefined) continue
      if ('problem' in read) {
        skipped.push({ name: '', label: hostFile.file, problem: read.problem })
        continue
      }
      files.push(read)
      for (const container of hostFile.containers) await readContainer(read, container, { input, servers, skipped })
    }
  }
  return { servers, skipped, files }
}

async function readHostFile(hostFile: HostFile, host: Host): Promise<FoundFile | { readonly problem: string } | undefined> {
  try {
    const read = await readIfThere(hostFile.file)
    if (!read || read.bytes.length === 0) return undefined
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(read.bytes)
    return { hostFile, host, bytes: read.bytes, text, root: parseJsonc(text) }
  } catch (error) {
    if (error instanceof JsonFault) return { problem: `is not valid JSON (${error.message})` }
    return {
      problem:
        error instanceof TypeError ? 'is not valid UTF-8' : `cannot be read (${codeOf(error) ?? 'not a regular file, or too large'})`,
    }
  }
}

type Into = { readonly input: PlanInput; readonly servers: FoundServer[]; readonly skipped: Skipped[] }

async function readContainer(file: FoundFile, container: Container, into: Into): Promise<void> {
  const { label, path } = container
  let object: JsonObject | undefined
  try {
    object = objectAt(file.root, path)
  } catch (error) {
    into.skipped.push({ name: '', label, problem: error instanceof Error ? error.message : 'cannot be read' })
    return
  }
  for (const member of object?.members ?? []) {
    const skip = (problem: string): void => void into.skipped.push({ name: member.key, label, problem })
    if (object?.members.some(other => other !== member && other.key === member.key)) {
      skip('stands there twice')
      continue
    }
    const value = plainOf(member.value)
    if (isGateway(value, into.input)) continue
    const scope = scopeOf(file, container, into.input)
    const envFile =
      isRecord(value) && typeof value['envFile'] === 'string' ? await readEnv(value['envFile'], container, into.input) : undefined
    if (envFile !== undefined && 'problem' in envFile) skip(envFile.problem)
    else {
      const entry = readEntry(value, scope, envFile?.values)
      if ('problem' in entry) skip(entry.problem)
      else into.servers.push({ name: member.key, label, file: file.hostFile.file, path, entry })
    }
  }
}

async function readEnv(
  given: string,
  container: Container,
  { place }: PlanInput,
): Promise<{ readonly values: ReadonlyMap<string, string> } | { readonly problem: string }> {
  const path = given.replaceAll('${workspaceFolder}', container.folder ?? '').replaceAll('${userHome}', place.home)
  const read = path.includes('${')
    ? undefined
    : await readIfThere(resolve(container.folder ?? place.home, path), 1024 * 1024).catch(() => undefined)
  return read ? { values: readEnvFile(read.bytes.toString('utf8')) } : { problem: 'names an `envFile` that cannot be read' }
}

function scopeOf(file: FoundFile, container: Container, input: PlanInput): Scope {
  const { place } = input
  return {
    style: file.host.placeholders,
    env: place.env,
    home: place.home,
    folder: container.folder,
    separator: pathsOf(place).sep,
    input: id => inputValue(file.root, id, input),
  }
}

/** VS Code asks the person for inputs; here they come from --input-file, or from a default that is no password. */
function inputValue(root: Json, id: string, { inputs }: PlanInput): Value | { readonly problem: string } {
  const given = inputs.get(id)
  if (given !== undefined) return { kind: 'secret', text: given }
  const list = memberOf(root, 'inputs')
  const declared = list?.kind === 'array' ? list.items.map(plainOf).find(item => isRecord(item) && item['id'] === id) : undefined
  if (isRecord(declared) && declared['password'] !== true && typeof declared['default'] === 'string' && declared['default'] !== '') {
    return { kind: 'plain', text: declared['default'] }
  }
  return {
    problem: `asks for the input \`${id.slice(0, 60)}\`: put the value into a file and name it with --input-file ${id.slice(0, 60)}=FILE`,
  }
}
