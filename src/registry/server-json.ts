// server.json as it is taken in: the released schema's rules first, then what it leaves open and a registry must not.

import type { SchemaFault } from './json-schema.ts'
import { isRecord } from './json-schema.ts'
import { parseServerName, type ServerName } from './names.ts'
import { versionProblem } from './versions.ts'

/** A server.json that holds to all rules. `value` is the whole document, unknown members included. */
export type ServerJson = { readonly name: ServerName; readonly version: string; readonly value: Readonly<Record<string, unknown>> }

/** Largest server.json, and what a publisher may add under `publisher-provided`, in bytes. */
export const MAX_SERVER_JSON_BYTES = 65_536
const MAX_PUBLISHER_BYTES = 4096
const PUBLISHER = 'io.modelcontextprotocol.registry/publisher-provided'
/** Only a registry says these of a server; in a server.json they would be a lie that looks like ours. */
const REGISTRY_META = /^(?:io\.modelcontextprotocol\.registry\/(?!publisher-provided$)|gatehouse\/)/
const REGISTRY_TYPES = ['npm', 'pypi', 'oci', 'nuget', 'mcpb']

type Reader = (value: unknown, faults: SchemaFault[]) => void
type Members = Readonly<Record<string, unknown>>

/** `checkSchema`: the compiled schema. Answers the document, or everything that is wrong with it. Never throws. */
export function readServerJson(
  value: unknown,
  checkSchema: (value: unknown) => readonly SchemaFault[],
): ServerJson | readonly SchemaFault[] {
  const faults: SchemaFault[] = [...checkSchema(value)]
  if (!isRecord(value)) return faults.length > 0 ? faults : [{ at: '', problem: 'expected an object' }]
  const name = parseServerName(textOf(value['name']))
  if (!name) faults.push({ at: 'name', problem: 'expected `namespace/name`, ASCII, each part beginning and ending with a letter or digit' })
  const version = textOf(value['version'])
  const problem = versionProblem(version)
  if (problem !== undefined) faults.push({ at: 'version', problem })
  for (const read of [checkTexts, checkLinks, checkMeta]) read(value, faults)
  eachOf(value['packages'], 'packages', (entry, at) => checkPackage(entry, at, faults))
  eachOf(value['remotes'], 'remotes', (entry, at) => checkRemote(entry, at, faults))
  return name && faults.length === 0 ? { name, version, value } : faults
}

/**
 * Controls, marks that change the direction of text or end a line, and characters that draw nothing and can carry a hidden message (fillers, tags, variation
 * selectors supplement). Joiners and the selectors of emoji stay: some languages cannot be written without.
 */
const HIDDEN =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e01ef}]|\u034f|\u17b4|\u17b5|\u180e|\u180b|\u180c|\u180d/u

/** Whether people would read something else than stands in a text. */
export const hasHidden = (text: string): boolean => HIDDEN.test(text)

const checkTexts: Reader = (value, faults) => {
  const walk = (part: unknown, at: string): void => {
    if (typeof part === 'string') {
      if (hasHidden(part)) faults.push({ at, problem: 'holds characters that are invisible or change the direction of text' })
    } else if (Array.isArray(part)) part.forEach((entry, i) => walk(entry, `${at}[${i}]`))
    else if (isRecord(part)) {
      for (const [key, entry] of Object.entries(part)) {
        if (hasHidden(key)) faults.push({ at, problem: 'has a member whose name is not visible' })
        else walk(entry, /^[\w$./-]{1,100}$/.test(key) ? `${at}${at === '' ? '' : '.'}${key}` : `${at}{}`)
      }
    }
  }
  walk(value, '')
}

/** What people are to click on, and what hosts draw: https, nothing that runs. */
const checkLinks: Reader = (value, faults) => {
  if (!isRecord(value)) return
  const { websiteUrl, repository, icons } = value
  if (typeof websiteUrl === 'string' && !isHttps(websiteUrl)) faults.push({ at: 'websiteUrl', problem: HTTPS })
  if (isRecord(repository) && !isHttps(textOf(repository['url']))) faults.push({ at: 'repository.url', problem: HTTPS })
  if (isRecord(repository) && typeof repository['subfolder'] === 'string' && !isFolder(repository['subfolder']))
    faults.push({ at: 'repository.subfolder', problem: 'expected a relative path without `.`, `..` or empty parts' })
  eachOf(icons, 'icons', (icon, at) => {
    if (!isHttps(textOf(icon['src']))) faults.push({ at: `${at}.src`, problem: HTTPS })
  })
}
const HTTPS = 'expected an https URL without user or password'

/** `https` and `//`, a host, no credentials. Compared by what the URL parser makes of it. */
function isHttps(text: string): boolean {
  const url = /^https:\/\/[^/\\]/i.test(text) ? URL.parse(text) : null
  return url !== null && url.hostname !== '' && url.username === '' && url.password === ''
}
/** Where a package listens on the machine it runs on: `http://localhost:{port}/mcp` is usual. */
function isHttp(text: string): boolean {
  const url = /^https?:\/\/[^/\\\s]\S*$/i.test(text) ? URL.parse(text.replace(/\{\w+\}/g, '1')) : null
  return url !== null && url.username === '' && url.password === ''
}
const isFolder = (text: string): boolean => /^[\w@+.-]+(?:\/[\w@+.-]+)*$/.test(text) && !text.split('/').some(part => /^\.\.?$/.test(part))

const checkMeta: Reader = (value, faults) => {
  const meta = isRecord(value) ? value['_meta'] : undefined
  if (!isRecord(meta)) return
  if (Object.keys(meta).some(key => REGISTRY_META.test(key)))
    faults.push({ at: '_meta', problem: 'holds a member that only a registry may write' })
  const own = meta[PUBLISHER]
  if (own !== undefined && Buffer.byteLength(JSON.stringify(own)) > MAX_PUBLISHER_BYTES)
    faults.push({ at: `_meta.${PUBLISHER}`, problem: `expected at most ${MAX_PUBLISHER_BYTES} bytes` })
}

function checkPackage(entry: Members, at: string, faults: SchemaFault[]): void {
  const { registryType, registryBaseUrl, version, fileSha256 } = entry
  const identifier = textOf(entry['identifier'])
  if (!REGISTRY_TYPES.includes(textOf(registryType)))
    faults.push({ at: `${at}.registryType`, problem: `expected one of ${REGISTRY_TYPES.join(', ')}` })
  const versionFault = version === undefined ? undefined : versionProblem(textOf(version))
  if (versionFault !== undefined) faults.push({ at: `${at}.version`, problem: versionFault })
  if (registryBaseUrl !== undefined && !isHttps(textOf(registryBaseUrl))) faults.push({ at: `${at}.registryBaseUrl`, problem: HTTPS })
  const { url } = isRecord(entry['transport']) ? entry['transport'] : {}
  if (url !== undefined && !isHttp(textOf(url)))
    faults.push({ at: `${at}.transport.url`, problem: 'expected an http or https URL without user or password' })
  if (!/^[\x21-\x7e]{1,1000}$/.test(identifier)) faults.push({ at: `${at}.identifier`, problem: 'expected visible ASCII' })
  switch (registryType) {
    case 'oci':
      for (const name of ['version', 'registryBaseUrl', 'fileSha256'])
        if (entry[name] !== undefined) faults.push({ at: `${at}.${name}`, problem: 'stands in `identifier` of an OCI package' })
      break
    case 'mcpb':
      if (!isHttps(identifier)) faults.push({ at: `${at}.identifier`, problem: HTTPS })
      if (fileSha256 === undefined)
        faults.push({ at: `${at}.fileSha256`, problem: 'is missing: an MCPB package is a file, and nothing else says which' })
      break
    default:
      if (version === undefined) faults.push({ at: `${at}.version`, problem: 'is missing: without it any version would be meant' })
  }
}

/** A remote server is an exact origin: nothing of scheme, host or port may be left to a variable. */
function checkRemote(entry: Members, at: string, faults: SchemaFault[]): void {
  const url = textOf(entry['url'])
  const [, authority = ''] = /^https:\/\/([^/?#\\]+)/i.exec(url) ?? []
  if (authority === '' || /[{}@]/.test(authority) || !isHttps(url.replace(/[{}]/g, '')))
    faults.push({ at: `${at}.url`, problem: 'expected an https URL whose host and port are fixed' })
}

function eachOf(value: unknown, name: string, check: (entry: Members, at: string) => void): void {
  if (!Array.isArray(value)) return
  value.forEach((entry: unknown, i) => {
    if (isRecord(entry)) check(entry, `${name}[${i}]`)
  })
}
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
