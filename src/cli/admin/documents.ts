// What `publish` and `registry attest` send beside a bundle: surface, definitions and lock files as they lie beside it, where they are what was signed.

import { isUtf8 } from 'node:buffer'
import { basename, join, resolve } from 'node:path'
import { documentReaders } from '../../adapters/registry-documents.ts'
import { Fault, isStop } from '../../kernel/errors.ts'
import { documentsOf, LOCK_FILES, type Offered, type SaidOfDocuments } from '../../registry/documents.ts'
import { SURFACE_SUBJECT, readReview, surfaceDigest } from '../../trust/review.ts'
import { readServerStatement, type Subject } from '../../trust/statement.ts'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import type { CommandArgs } from '../command.ts'
import { readIfThere } from '../files.ts'

const MAX_FILE_BYTES = 16 * 1024 * 1024

/** Members of a request as JSON text, each with a comma in front. `folder`: where files lie that the command line does not name. */
export async function documentMembers(args: CommandArgs, folder: string, bundles: readonly string[]): Promise<string> {
  const offered = { ...(await signedBeside(args, folder, bundles)), ...(await named(args)) }
  const { surface, definitions, locks } = offered
  const lockMembers = [...(locks ?? [])].map(([name, text]) => `${JSON.stringify(name)}:${JSON.stringify(text)}`)
  return [
    ...(surface === undefined ? [] : [`,"surface":${surface}`]),
    ...(definitions === undefined ? [] : [`,"definitions":${definitions}`]),
    ...(lockMembers.length === 0 ? [] : [`,"locks":{${lockMembers.join(',')}}`]),
  ].join('')
}

/** Files of the command line are sent whatever they are: the registry says what is wrong with them. */
async function named(args: CommandArgs): Promise<Offered> {
  const [surface, definitions] = await Promise.all(['surface', 'definitions'].map(option => read(args, args.text(option))))
  const locks = new Map<string, string>()
  for (const file of args.list('lock')) locks.set(basename(file), (await read(args, file)) ?? '')
  return {
    ...(surface !== undefined && { surface: jsonText(surface, 'surface') }),
    ...(definitions !== undefined && { definitions: jsonText(definitions, 'definitions') }),
    ...(locks.size > 0 && { locks }),
  }
}

/** Others lie there for other reasons, too: what was not signed is not sent, and that is said. */
async function signedBeside(args: CommandArgs, folder: string, bundles: readonly string[]): Promise<Offered> {
  const said = bundles.flatMap(saidBy)
  if (said.length === 0 || said.length < bundles.length) return {}
  const surface = await signed(args, said, { file: join(folder, 'surface.json'), of: text => ({ surface: text }) })
  const definitions = await signed(args, said, {
    file: join(folder, 'definitions.json'),
    of: text => ({ definitions: text, ...(surface !== undefined && { surface }) }),
  })
  const locks = new Map<string, string>()
  for (const name of LOCK_FILES) {
    if (!said.some(each => each.locks.has(name))) continue
    const lock = await signed(args, said, { file: join(folder, name), of: text => ({ locks: new Map([[name, text]]) }) })
    if (lock !== undefined) locks.set(name, lock)
  }
  return {
    ...(surface !== undefined && { surface }),
    ...(definitions !== undefined && { definitions }),
    ...(locks.size > 0 && { locks }),
  }
}

type Candidate = { readonly file: string; readonly of: (text: string) => Offered }
async function signed(args: CommandArgs, said: readonly SaidOfDocuments[], { file, of }: Candidate): Promise<string | undefined> {
  const text = await read(args, file, true)
  if (text === undefined) return undefined
  if (!isStop(await documentsOf(of(text), said, documentReaders))) return text
  args.io.err(`\`${basename(file)}\` is not what was signed, and is not sent\n`)
  return undefined
}

/** What a bundle says, believed for nothing but which files to send. */
function saidBy(bundle: string): SaidOfDocuments[] {
  const { dsseEnvelope } = JSON.parse(bundle) as { readonly dsseEnvelope?: { readonly payload?: unknown } }
  const payload = Buffer.from(typeof dsseEnvelope?.payload === 'string' ? dsseEnvelope.payload : '', 'base64')
  const statement = readServerStatement(payload)
  if (!('denied' in statement)) {
    const { surface, subjects } = statement
    return [{ surface: { digest: surfaceDigest(surface), text: canonicalJson(surface) ?? '' }, locks: locksIn(subjects) }]
  }
  const review = readReview(payload)
  if ('denied' in review) return []
  const digest = review.subjects.find(({ name }) => name === SURFACE_SUBJECT)?.digest.sha256 ?? ''
  return [{ surface: { digest }, locks: locksIn(review.subjects) }]
}
const locksIn = (subjects: readonly Subject[]): ReadonlyMap<string, string> =>
  new Map(
    LOCK_FILES.flatMap(name => {
      const sha256 = subjects.find(subject => subject.name === name)?.digest.sha256
      return sha256 === undefined ? [] : [[name, sha256] as const]
    }),
  )

async function read(args: CommandArgs, file: string | undefined, isOptional = false): Promise<string | undefined> {
  if (file === undefined) return undefined
  const found = await readIfThere(resolve(args.io.cwd, file), MAX_FILE_BYTES)
  if (!found && isOptional) return undefined
  if (!found) throw new Fault('file-missing', `\`${file}\` is not there`)
  // What is not text would be sent as something else, with another digest.
  if (!isUtf8(found.bytes)) throw new Fault('file-invalid', `\`${file}\` is not UTF-8`)
  return found.bytes.toString('utf8')
}

function jsonText(text: string, option: string): string {
  try {
    JSON.parse(text)
  } catch {
    throw new Fault('file-invalid', `the file of --${option} is no JSON`)
  }
  return text
}
