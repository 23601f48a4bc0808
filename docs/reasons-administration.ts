// The words of docs/reasons.md about administration and the registry (reasons.ts).

import type { Reason } from '../src/kernel/errors.ts'

export type Words = { readonly means: string; readonly mend: string }
export const row = (means: string, mend: string): Words => ({ means, mend })

export const ADMINISTRATION = {
  'approval-decided': row(
    'it was approved, rejected or used already, or its time ended; the `detail` says which',
    '`gatehouse approvals list` shows what waits',
  ),
  'approval-unshown': row(
    'what an approval would let through is kept no longer, or can be read no longer (its sealing key is gone, or another version wrote it): nobody approves what nobody can be shown',
    'reject it, or let it end; the same call is then asked for anew',
  ),
  'approval-unknown': row(
    'there is no approval of that id, or it is not for you to see: the answer is the same',
    '`gatehouse approvals list` shows what waits for you, and what you asked for',
  ),
  'approver-is-proposer': row(
    'whoever proposed a change cannot approve it (two-person rule), and whoever asked for a call approves it only where the rule names `self`',
    'ask another approver or operator',
  ),
  'break-glass-closed': row(
    'a local command came while break-glass was not open, or after its time',
    '`gatehouse break-glass --for 30m --why …`',
  ),
  'console-forged': row(
    'a request to the console’s API that no page of this gateway made: another origin, another host name, or without the token of the session',
    'use the console’s own pages, under the name of `publicUrl`; command lines use `/admin` with a token (`gatehouse login`)',
  ),
  'console-signed-out': row(
    'no session of the console: it ended (eight hours, or thirty minutes without use), was signed out, or never was',
    'sign in at `/console`',
  ),
  'proposal-limit': row('too many proposals wait to be decided', 'approve or reject some'),
  'proposal-unknown': row('no pending proposal of that id: it was decided, it expired, or it never was', '`gatehouse proposals list`'),
  'role-missing': row(
    'the principal has none of the roles that this act needs; the `detail` names them',
    'an operator adds it under `administration.roles`',
  ),
  'state-unavailable': row(
    'the state database did not take the change for certain; a block is in force all the same, until the next start at least',
    'mend the disk, look at `gatehouse blocks list`, and do it again',
  ),
  'would-lock-out': row('after it nobody could administer the gateway', 'name another operator first'),
} satisfies Partial<Record<Reason, Words>>

export const REGISTRY = {
  'advisory-invalid': row(
    'the document is no OSV advisory this registry understands, or one as late is kept already; `data.faults` says where',
    'mend the document; give a newer one a later `modified`',
  ),
  'attestation-invalid': row(
    'a bundle does not verify by the policy in force, or its statement is about something else; the `detail` says which',
    'sign the version anew as its namespace’s policy says',
  ),
  'attestation-required': row(
    'a version of a server is to be served, and no verified statement says that it may be; nobody admits by hand',
    'publish it signed, or let a reviewer sign its admission',
  ),
  'exchange-unavailable': row(
    'this way of `/v0.1/auth/*` is off: the official form of domain proofs is taken with `registry.officialProofs` alone, GitHub access tokens with `registry.github`, and nothing at all only on this machine under evaluation',
    'use another way of those, or `gatehouse namespace verify`; the `detail` says what would turn it on',
  ),
  'lookalike-held': row(
    'the name could be mistaken for another one that is there; the `detail` names it',
    'an operator who knows its owner registers or clears it',
  ),
  'namespace-cooling': row(
    'the key or account that proves the namespace, its owners, or who signs for it changed; for `registry.cooldown` nothing is published in it, so that whoever did not expect it can act. `retryAfterSeconds` says how long',
    'wait; if nobody of you changed it, `gatehouse namespace freeze`',
  ),
  'namespace-forbidden': row(
    'the caller is no member of this namespace, or there is none of this name',
    '`gatehouse namespace claim` and `verify`, or ask its owner to make you a publisher',
  ),
  'namespace-frozen': row(
    'an operator froze the namespace, or a proof by somebody else did, or one of another account under the same name',
    'an operator decides whose it is and thaws it',
  ),
  'namespace-taken': row('the namespace, or one that cannot be told from it, has an owner', 'ask its owner, or an operator'),
  'namespace-unproved': row(
    'the namespace was proved more than 30 days ago: its domain may be somebody else’s now',
    '`gatehouse namespace verify`',
  ),
  'proof-invalid': row(
    'the challenge is unknown or spent, or no key that the domain publishes made the signature, or such names cannot be proved by a domain; or a token is not of `registry.proofs`, not for this registry, over, used before, or its claims make no name',
    'publish the key that `gatehouse namespace claim` shows, then `gatehouse namespace verify`; ask the issuer for another token; the `detail` says which it was',
  ),
  'quota-exceeded': row(
    'documents of a version (lock files, surface, definitions) are larger than may be, or their namespace has no room left',
    'send fewer or smaller ones; an operator can raise `registry.namespaceSize`',
  ),
  'registry-unknown': row(
    'the registry serves no such server or version: there is none, it is in quarantine, deleted, or outside the set that was asked',
    'ask for deleted ones with `include_deleted=true`; publishers see where it stands in the answer to publishing',
  ),
  'server-json-invalid': row(
    'server.json breaks the released schema or a rule of this registry; `data.faults` says where',
    'mend it: docs/registry.md has the rules',
  ),
  'verifier-unavailable': row(
    'this gateway has no trusted root and policy to verify statements by, or could not verify now',
    'publish without a bundle into quarantine, or configure trust',
  ),
  'version-exists': row('this version is published already, and versions never change', 'publish another version'),
  'version-vulnerable': row(
    'an advisory concerns the version, or a package it is made of; the `detail` names both',
    'publish a version that is not concerned; where the advisory is wrong, an operator records a newer document of it',
  ),
} satisfies Partial<Record<Reason, Words>>
