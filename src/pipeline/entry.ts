// One upstream as the pipeline holds it, and for whom it is asked.

import type { Launch } from '../admission/launch.ts'
import type { ArgumentGuard } from '../arguments/guard.ts'
import type { HostCapabilities, RequestKind } from '../bridge/capabilities.ts'
import type { Caller, Upstream } from '../bridge/upstream.ts'
import type { Tiers } from '../inspection/tiers.ts'
import type { GateSettings } from '../gates/settings.ts'
import type { Reads } from '../flow/reading.ts'
import type { ScopeIndex } from '../identity/scopes.ts'
import type { CredentialRule } from '../vault/credential-rule.ts'
import type { AllowRule } from '../policy/allow-list.ts'

/** Of a version of the registry: `serverJson` is a digest; `publisher` says in words who signed it, `none` where nobody did. */
export type SignedFacts = {
  readonly name: string
  readonly version: string
  readonly sequence: number
  readonly serverJson: string
  readonly publisher: string
}

/** One upstream as the pipeline needs it. */
export type UpstreamEntry = {
  readonly alias: string
  /** what request state is bound to besides the alias: the version of the registry and its server.json, or a digest of where and how the server is reached */
  readonly identity: string
  /** `name@version digest` of a server of the registry: what was granted and minted for one is nothing to another */
  readonly version?: string
  /** what was signed of that version, for the record */
  readonly signed?: SignedFacts
  readonly upstream: Upstream
  /** stateless and credential-free, says an administrator */
  readonly isShared: boolean
  /** `required`: what it lists passes as far as a reviewer admitted it; `configured`: the configuration says that whatever it lists may pass */
  readonly admission: 'required' | 'configured'
  /** as the configuration has it: held against the admitted one before anything is started or connected to */
  readonly launch: Launch
  readonly rules: readonly AllowRule[]
  /** an administrator's words for it */
  readonly labels: readonly string[]
  /** what becomes of findings in what it sends and is sent */
  readonly inspection: Tiers
  /** how it may ask of hosts what it may ask at all */
  readonly gates: GateSettings
  /** what arguments and URIs of resources have to be */
  readonly arguments: ArgumentGuard
  /** digests of definitions that pass although something was found in them, where nobody reviews */
  readonly accepted: ReadonlySet<string>
  /** what an administrator calls what is read from it; absent = nothing */
  readonly reads?: Reads
  readonly scopes: ScopeIndex
  readonly parkMs: number
  readonly rounds: number
  /** every principal needs a credential of its own */
  readonly credential?: EntryCredential
}

/** `account`: what a grant is bound to besides its principal: the alias and the very server behind it, so that a reassigned alias finds no old grant. */
export type EntryCredential = { readonly rule: CredentialRule; readonly account: string; readonly title: string }

/** A caller with what its host declared and what the policy leaves of it. */
export type CallerFace = {
  readonly caller: Caller
  readonly host: HostCapabilities
  /** what the host declared and the policy permits */
  readonly kinds: ReadonlySet<RequestKind>
}
