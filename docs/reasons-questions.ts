// The rows of docs/reasons.md about what servers ask of hosts, and what hosts answer. Part of reasons.ts.

import type { Reason } from '../src/kernel/errors.ts'
import { row, type Words } from './reasons-administration.ts'

export const QUESTION = {
  'answer-invalid': row(
    'what the host answered is no answer to what a server had asked: another action, fields that were not asked for or not as they were, a model’s answer of another shape, roots that are no file addresses; the `detail` says which, never a value. The server hears nothing of it',
    'answer what was asked; hosts that keep to the schema they were sent do',
  ),
  'form-asks-for-secrets': row(
    'a server asked a person for a password, key or code in a form, which the protocol forbids: what is typed there is read by host and model; the `detail` names the place',
    'whoever runs the server sends people to a page instead (URL mode); where it is none, an operator sets `asks-for-credentials` to `annotate` in `upstreams.<alias>.inspection.request`',
  ),
  'form-refused': row(
    'a form has what a host would not show, or more than is permitted: keywords and types that forms do not have, fields that are required and not there, too many, too long ([gates.md](gates.md)); the `detail` says which, by number',
    'tell whoever runs the server; bounds are `upstreams.<alias>.gates.elicitation`',
  ),
  gated: row(
    'the upstream asked for sampling, elicitation or roots, which no allow rule permits it',
    'add the kind to `serverRequests` of the rule, if this server may ask for it',
  ),
  'host-incapable': row('the upstream asked for something this host did not declare', 'use a host that has it'),
  'question-limited': row(
    'the server has asked this user as often, or for as many tokens, as `upstreams.<alias>.gates` allows; it is not about the user’s own calls',
    'call again later; an operator can raise `rate`, `sampling.rate` or `sampling.tokens`',
  ),
  'rounds-exceeded': row(
    'the upstream asked in more rounds than the limit for one call',
    'raise `limits.rounds` of this upstream, if it really needs them',
  ),
  'sampling-refused': row(
    'a server asked the host’s model in a way that is not passed on: too much at once, calls of tools and results that do not match, members of no known shape ([gates.md](gates.md)); the `detail` says which',
    'tell whoever runs the server; bounds are `upstreams.<alias>.gates.sampling`',
  ),
  'url-refused': row(
    'a server would send the person to an address of an origin that nobody permitted, or one that hides where it leads, or signs somebody in ([gates.md](gates.md)); the `detail` names the origin alone',
    'an operator who knows the origin adds it to `upstreams.<alias>.gates.elicitation.origins`',
  ),
} satisfies Partial<Record<Reason, Words>>
