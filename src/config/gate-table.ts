// What an upstream may ask of hosts, in detail, under `upstreams.<alias>.gates`. Whether it may ask at all is said by allow rules and policies. Part of the table in table.ts.

import { QUESTION_KINDS } from '../gates/settings.ts'
import { originOf } from '../gates/url.ts'
import { list, record } from './fields.ts'
import { RATE, type Rate } from './limit-table.ts'
import { choice, flag, integer, parsed, size, text } from './scalars.ts'

const rate = (doc: string, fallback: string): ReturnType<typeof parsed<Rate>> => parsed<Rate>({ ...RATE, fallback, doc })

const sampling = record(
  {
    rate: rate('sampling requests to one user', '30/1m'),
    tokens: rate('tokens of one user’s model: what a request may write at most, and one for every four bytes it sends', '200000/1h'),
    maxTokens: integer({ min: 1, max: 10_000_000, fallback: 4096, doc: 'tokens one request may write; more is lowered to it' }),
    models: list(text({ what: 'a hint of a model such as `claude-*`', maxLength: 256, problem: onlyTrailingStar, doc: 'a hint' }), {
      max: 100,
      fallback: [],
      doc: 'hints of models that pass, a trailing `*` for all that start with the rest; others are taken out. Empty: all pass',
    }),
    systemPrompt: flag({ fallback: true, doc: 'whether its system prompt passes; otherwise it is taken out' }),
    messages: integer({ min: 1, max: 10_000, fallback: 64, doc: 'messages of one request' }),
    size: size({ min: '1KiB', max: '64MiB', fallback: '256KiB', doc: 'one request' }),
    tools: integer({ min: 0, max: 1000, fallback: 32, doc: 'tools of one request' }),
  },
  { fallback: {}, doc: 'questions to the host’s model' },
)

const elicitation = record(
  {
    fields: integer({ min: 0, max: 1000, fallback: 24, doc: 'fields of one form' }),
    size: size({ min: '256B', max: '48KiB', fallback: '16KiB', doc: 'the schema of one form' }),
    message: integer({ min: 1, max: 100_000, fallback: 4000, doc: 'characters of a message' }),
    origins: list(
      text({
        what: 'an origin such as `https://accounts.example.com`',
        maxLength: 512,
        problem: originProblem,
        doc: 'an origin: scheme, host and port, nothing behind',
      }),
      { max: 1000, fallback: [], doc: 'where people may be sent (`elicitation.url`); nowhere else, and nowhere without' },
    ),
  },
  { fallback: {}, doc: 'questions to people' },
)

const roots = record(
  {
    within: list(
      text({
        what: 'a folder such as `file:///home/ada/project/`',
        maxLength: 2048,
        problem: folderProblem,
        doc: 'a folder, with `/` at its end',
      }),
      { max: 100, fallback: [], doc: 'roots that it may know of; others are taken out of the answer. Empty: all of them' },
    ),
    most: integer({ min: 0, max: 10_000, fallback: 64, doc: 'roots of one answer' }),
  },
  { fallback: {}, doc: 'questions for the folders a person works in' },
)

export const UPSTREAM_GATES = {
  gates: record(
    {
      approval: list(choice(QUESTION_KINDS, { doc: 'a kind' }), {
        fallback: [],
        doc: 'kinds of questions whose every request a person approves first; until people can, they are not asked',
      }),
      rate: rate('questions of any kind to one user', '120/1m'),
      sampling,
      elicitation,
      roots,
    },
    {
      fallback: {},
      doc: 'how it may ask of hosts what `serverRequests` and policies permit (docs/gates.md); every count is per server and user',
      aliases: { questions: 'rate', elicit: 'elicitation' },
    },
  ),
}

function onlyTrailingStar(value: string): string | undefined {
  return value.slice(0, -1).includes('*') ? '`*` stands at the end or not at all' : undefined
}
function originProblem(value: string): string | undefined {
  return originOf(value) === undefined
    ? 'expected an origin as browsers write it, such as `https://accounts.example.com`: https, lower-case, other alphabets as punycode, nothing behind host and port'
    : undefined
}
function folderProblem(value: string): string | undefined {
  const isFolder = value.startsWith('file:///') && value.endsWith('/') && URL.canParse(value) && new URL(value).href === value
  return isFolder ? undefined : 'expected a folder as `file:///…/`, with `/` at its end, without `..`'
}
