// What arguments of calls have to be, under `upstreams.<alias>.arguments`. Part of the table in table.ts.

import { isPlace, placeOf } from '../arguments/paths.ts'
import { stepsOf } from '../arguments/pointer.ts'
import { compilePattern, isPattern } from '../kernel/pattern/pattern.ts'
import { list, optional, record } from './fields.ts'
import { choice, integer, text } from './scalars.ts'

const root = text({
  what: 'an absolute path, `.` or a URI',
  maxLength: 4096,
  problem: rootProblem,
  doc: '`/srv/data`, `.` for relative paths (where the server runs), or `file:///srv/data`',
})
const name = (kind: string) => text({ what: `the name of a ${kind}, or \`*\``, maxLength: 512, doc: 'a name as the upstream spells it' })

const url = record(
  {
    schemes: list(text({ what: 'a scheme', maxLength: 32, pattern: /^[a-z][a-z0-9+.-]*$/, doc: 'a scheme' }), {
      max: 20,
      fallback: ['https'],
      doc: 'schemes it may have',
    }),
    hosts: list(
      text({
        what: 'a host in lower case, such as `api.example.com` or `*.example.com`',
        maxLength: 300,
        pattern: /^(?:(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])$/,
        doc: 'a name, `*.` and the end of one, or an address as URLs write it',
      }),
      { max: 1000, doc: 'hosts it may name: exactly, or every name below one with `*.`; other scripts in punycode' },
    ),
    ports: list(integer({ min: 1, max: 65_535, doc: 'a port' }), {
      max: 100,
      fallback: [],
      doc: 'ports it may name; without any, the usual one of its scheme',
    }),
  },
  { doc: 'the text is a URL: one of these schemes, hosts and ports, without user information. Names are not resolved' },
)

const rule = record(
  {
    id: optional(
      text({
        what: 'an id of letters, digits and `._/-`',
        maxLength: 64,
        pattern: /^[A-Za-z0-9][A-Za-z0-9._/-]*$/,
        doc: 'name of the rule in refusals and the audit log; default `<alias>/arguments/<n>`, counted from 1',
      }),
    ),
    tools: list(name('tool'), { max: 1000, fallback: [], doc: "tools it is about; `['*']` is all" }),
    prompts: list(name('prompt'), { max: 1000, fallback: [], doc: "prompts it is about; `['*']` is all" }),
    pointer: text({
      what: 'a JSON pointer such as `/path` or `/files/*`',
      maxLength: 1024,
      problem: pointerProblem,
      doc: 'where in the arguments: a JSON pointer, in which `*` means every item. What is absent or null there is not judged; what is no text is refused',
    }),
    roots: optional(
      list(root, {
        max: 100,
        doc: 'the text is a path under one of these, compared segment by segment; whatever could be read in two ways is refused. Symbolic links cannot be seen',
      }),
    ),
    url: optional(url),
    command: optional(
      list(text({ what: 'a program', maxLength: 1024, pattern: /^[^\s;&|<>$`(){}[\]*?!~#'"\\%^]+$/, doc: 'a program, as it is called' }), {
        max: 1000,
        doc: 'the text is a command (or a list of its words) that starts one of these programs, without anything a shell reads; what options of the program do is not judged',
      }),
    ),
    identifier: optional(
      text({
        what: 'signs',
        maxLength: 32,
        pattern: /^[._/:@+=,-]+$/,
        doc: 'the text is an identifier: it starts with a letter or digit, and holds letters, digits, `._-` and these signs',
      }),
    ),
    pattern: optional(
      text({
        what: 'a regular expression',
        maxLength: 2048,
        problem: patternProblem,
        doc: 'the whole text fits this regular expression (ECMA-262, matched in linear time, so without backreferences)',
      }),
    ),
    maxLength: optional(integer({ min: 0, max: 10_000_000, doc: 'the text has at most so many characters' })),
  },
  {
    doc: 'one rule: of which tools or prompts, where, and what has to hold',
    aliases: { tool: 'tools', prompt: 'prompts', paths: 'roots', root: 'roots', programs: 'command', regex: 'pattern' },
  },
)

/** Of an upstream. */
export const UPSTREAM_ARGUMENTS = {
  arguments: record(
    {
      validate: optional(
        choice(['strict', 'off'], {
          doc: '`strict`: arguments that do not fit the schema of their definition are refused before anything is sent; default: `strict` where definitions are admitted, `off` with `admission: configured`, where the schema is whatever the server lists now',
        }),
      ),
      rules: list(rule, { max: 1000, fallback: [], doc: 'what single arguments have to be' }),
      resourceRoots: list(root, {
        max: 100,
        fallback: [],
        doc: 'URIs of resources have to lie under one of these, compared segment by segment; without any they may lie where the allow rules and policies permit',
      }),
    },
    {
      fallback: {},
      doc: 'what arguments and URIs have to be, beside what policies say (docs/arguments.md)',
      aliases: { resources: 'resourceRoots', schema: 'validate' },
    },
  ),
}

function rootProblem(value: string): string | undefined {
  const place = placeOf(value)
  if (!isPlace(place)) return `it ${place.problem}`
  return place.origin === '.' && place.segments.length > 0
    ? 'a relative path means another place in every server; `.` stands for where it runs'
    : undefined
}
function pointerProblem(value: string): string | undefined {
  return stepsOf(value)
    ? undefined
    : 'expected a JSON pointer: `/` in front of every step, `~1` for `/`, `~0` for `~`, `~2` for the name `*`'
}
function patternProblem(value: string): string | undefined {
  const found = compilePattern(`^(?:${value})$`)
  return isPattern(found) ? undefined : `it cannot be used: ${found.unusable}`
}
