// What becomes of what inspection finds, under `inspection` and `upstreams.<alias>.inspection`. Part of the table in table.ts.

import { TIERS, type DocumentKind } from '../inspection/finding.ts'
import { choosable } from '../inspection/tiers.ts'
import { nearest } from '../kernel/nearest.ts'
import { list, map, record, type Field } from './fields.ts'
import { choice, text } from './scalars.ts'

const CHOICES = ['off', 'annotate', 'hold', 'block'] as const satisfies readonly ('off' | (typeof TIERS)[number])[]

function tiers(kind: DocumentKind, doc: string): Field<ReadonlyMap<string, (typeof CHOICES)[number]>> {
  const known = choosable(kind)
  const refuse = (key: string): string | undefined => {
    if (known.includes(key)) return undefined
    const near = nearest(key, known)
    return near === undefined
      ? 'no such code is reported here: docs/detection.md has them'
      : `no such code is reported here; did you mean \`${near}\`?`
  }
  return map(
    { what: 'a code of docs/detection.md or a severity', pattern: '^[a-z][a-z-]*$', maxLength: 64, refuse },
    choice(CHOICES, {
      doc: '`off`: not even said; `annotate`: said beside the bytes and in the audit event; `hold`: stops until somebody approves; `block`: stops',
    }),
    { fallback: {}, max: known.length, doc },
  )
}

const inspection = (doc: string) =>
  record(
    {
      definition: tiers('definition', 'in definitions: lists and instructions'),
      content: tiers('content', 'in what comes back: results, resources, prompts, errors, notifications'),
      request: tiers('request', 'in what servers ask of hosts: sampling, elicitation, roots'),
      arguments: tiers('arguments', 'in what hosts send'),
    },
    {
      fallback: {},
      doc,
      aliases: { definitions: 'definition', result: 'content', results: 'content', requests: 'request', argument: 'arguments' },
    },
  )

export const INSPECTION = {
  inspection: inspection(
    'what becomes of findings, by code or severity (`critical`, `high`, `medium`, `low`); a code counts before a severity, and what is not named stays as docs/detection.md has it',
  ),
}
export const UPSTREAM_INSPECTION = {
  acceptedDefinitions: list(
    text({
      what: 'the digest of a definition',
      pattern: /^[0-9a-f]{64}$/,
      maxLength: 64,
      doc: 'SHA-256 in hex, as the refusal and the audit event say it',
    }),
    {
      max: 10_000,
      fallback: [],
      doc: 'under `admission: configured`: definitions in which something was found that a person has to look at, and that pass all the same. One that changes is held anew',
    },
  ),
  inspection: inspection('the same for this upstream alone: what stands here counts before what stands in `inspection` of the whole'),
}
