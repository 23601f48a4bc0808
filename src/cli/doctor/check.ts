// One line of the doctor's report, and what its checks look at the world through.

import type { RefusedPart, SeenTrust } from '../../trust/freshness.ts'
import type { IssuerSettings, Snapshot, UpstreamSettings } from '../../config/schema.ts'

type Status = 'ok' | 'warn' | 'fail'

/** `what` is one sentence in lower case without a full stop; `mend` says what to do, on everything but `ok`. */
export type Check = { readonly name: string; readonly status: Status; readonly what: string; readonly mend?: string }

export const ok = (name: string, what: string): Check => ({ name, status: 'ok', what })
export const warn = (name: string, what: string, mend: string): Check => ({ name, status: 'warn', what, mend })
export const fail = (name: string, what: string, mend: string): Check => ({ name, status: 'fail', what, mend })

export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** Everything the checks ask of the machine; tests hand in their own. */
export type World = {
  /** milliseconds since the epoch */
  now(): number
  readonly nodeVersion: string
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
  /** numeric user of this process, where the system has such numbers */
  readonly uid: number | undefined
  /** soft limit of open files of this process, or undefined where it cannot be told */
  openFileLimit(): Promise<number | undefined>
  /** `free`, `taken`, or the error code of binding there */
  tryPort(host: string, port: number): Promise<string>
  /** one bounded GET without redirects; rejects when nothing answers */
  get(url: string): Promise<Answer>
  /** asks an issuer about a token that nobody has; what is wrong, or undefined where it says that there is none such */
  introspect(issuer: Pick<IssuerSettings, 'issuer' | 'introspection'>): Promise<string | undefined>
  /** milliseconds of some writes of 4 KiB with fdatasync in this folder; rejects when it cannot be written */
  measureSync(folder: string): Promise<readonly number[]>
  /** what the gateway would make of its repository of trust now; nothing it keeps is touched. Rejects with what would stop it from believing */
  askTrust(repository: NonNullable<Snapshot['registry']['repository']>, pinnedRoot: Buffer): Promise<Asked>
  /** starts or connects to an upstream and says what it found; never rejects; undefined = upstreams are not probed */
  readonly probe: ((upstream: UpstreamSettings) => Promise<Probe>) | undefined
}

type Asked = { readonly seen: SeenTrust; readonly refused: readonly RefusedPart[] }

export type Probe = { readonly ok: true; readonly detail: string } | { readonly ok: false; readonly detail: string }
