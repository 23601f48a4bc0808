// What every test upstream offers, said once: tools as programs that do not know which era they run in, so that a difference between two
// quadrants can only come from what is between host and upstream.

import type { Control } from './control.ts'

export type Json = Record<string, any>
type Question = { readonly method: 'elicitation/create' | 'sampling/createMessage' | 'roots/list'; readonly params: Json }

/** How a program reaches its caller. */
export type Reach = {
  readonly control: Control
  readonly signal: AbortSignal
  /** answers by key; a question the caller refuses throws */
  ask(questions: Readonly<Record<string, Question>>): Promise<Record<string, Json>>
  /** 2026-07-28 only: comes back to the program without asking anybody anything */
  later(): Promise<void>
  log(level: string, data: unknown): Promise<void>
  progress(value: number, total: number): Promise<void>
  /** a request header, where there are any */
  header(name: string): string | undefined
  /** answers with the error by which a server says it cannot work without: -32042 (2025-11-25) or -32021 (2026-07-28) */
  readonly fail: { signIn(elicitations: readonly Json[]): never; missing(capabilities: Json): never }
  /** SEP-1699: ends the answer's stream before the answer, where the era has that */
  closeStream(): void
}
type Tool = { readonly definition: Json; readonly run: (args: Json, reach: Reach) => Json | Promise<Json> }

export const text = (value: unknown): Json => ({
  content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }],
})

const form = (message: string): Question => ({
  method: 'elicitation/create',
  params: { mode: 'form', message, requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } },
})
const sampling = (more: Json = {}): Question => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'the capital of France?' } }], maxTokens: 50, ...more },
})
const ROOTS: Question = { method: 'roots/list', params: {} }
export const VISIT = { mode: 'url', message: 'sign in', url: 'https://sign.in.example/start?x=1' }

const tool = (name: string, run: Tool['run'], more: Json = {}): Tool => ({
  definition: { name, description: `the tool ${name}`, inputSchema: { type: 'object', properties: {} }, ...more },
  run,
})
const strings = (...names: string[]): Json => ({
  inputSchema: { type: 'object', properties: Object.fromEntries(names.map(name => [name, { type: 'string' }])) },
})

/** Tags of -32042 whose person has been there. */
const signedIn = new Set<string>()

export const TOOLS: readonly Tool[] = [
  tool('echo', args => text(String(args['text'])), strings('text')),
  tool('fail', () => ({ ...text('it went wrong'), isError: true })),
  tool('pid', () => text(String(process.pid))),
  tool('crash', () => process.exit(3)),
  tool(
    'ask-twice',
    async (args, { ask }) => {
      const { first } = await ask({ first: form(`first ${args['tag'] ?? ''}`) })
      if (first!['action'] !== 'accept') return text(`first: ${first!['action']}`)
      const { second } = await ask({ second: form(`second ${args['tag'] ?? ''}`) })
      return text(`${first!['content'].name} and ${second!['content']?.name ?? second!['action']}`)
    },
    strings('tag'),
  ),
  tool('visit', async (_args, { ask }) => text((await ask({ visit: { method: 'elicitation/create', params: { ...VISIT } } }))['visit'])),
  tool(
    'sign-in',
    (args, { fail }) => {
      if (signedIn.has(args['tag'])) return text('signed in')
      signedIn.add(args['tag'])
      return fail.signIn([{ ...VISIT, elicitationId: `id-${args['tag']}` }])
    },
    strings('tag'),
  ),
  tool('sample', async (_args, { ask }) => text((await ask({ capital: sampling() }))['capital'])),
  tool('sample-tools', async (_args, { ask }) => {
    const tools = [{ name: 'look-up', description: 'looks up', inputSchema: { type: 'object' } }]
    return text((await ask({ capital: sampling({ tools, toolChoice: { mode: 'required' } }) }))['capital'])
  }),
  tool('roots', async (_args, { ask }) => text((await ask({ roots: ROOTS }))['roots'])),
  tool('several', async (_args, { ask }) => {
    const { who, capital, roots } = await ask({ who: form('who?'), capital: sampling(), roots: ROOTS })
    return text([who!['content'].name, capital!['content'].text, roots!['roots'][0].uri].join(' | '))
  }),
  tool('ask-forever', async (_args, { ask }) => {
    for (let i = 1; ; i++) await ask({ [`q${i}`]: form(`question ${i}`) })
  }),
  tool('needs-sampling', (_args, { fail }) => fail.missing({ sampling: {} })),
  tool('steps', async (_args, { progress, log }) => {
    for (const [i, level] of ['debug', 'info', 'error'].entries()) {
      await progress(i + 1, 3)
      await log(level, `${level} line`)
    }
    return text('stepped')
  }),
  tool(
    'wait',
    async (args, { control, signal, progress }) => {
      const tag = String(args['tag'])
      let isReleased = false
      const released = new Promise<Json>(resolve => {
        control.onCommand(command => {
          if (!('release' in command) || command.release !== tag) return
          isReleased = true
          resolve(text(`released ${tag}`))
        })
        signal.addEventListener('abort', () => {
          if (!isReleased) control.emit('cancelled', { tag })
          resolve(text(`cancelled ${tag}`))
        })
      })
      // a sign of life: by now the host's stream is open
      await progress(1, 2)
      control.emit('waiting', { tag })
      return released
    },
    strings('tag'),
  ),
  tool(
    'pause',
    async (args, { control, closeStream }) => {
      const tag = String(args['tag'])
      const released = new Promise<Json>(resolve =>
        control.onCommand(command => 'release' in command && command.release === tag && resolve(text(`released ${tag}`))),
      )
      closeStream()
      control.emit('paused', { tag })
      return released
    },
    strings('tag'),
  ),
  tool('region', (args, { header }) => text({ argument: args['region'] ?? null, header: header('mcp-param-region') ?? null }), {
    inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, note: { type: 'string' } } },
  }),
  tool('link', () => ({
    content: [
      { type: 'resource_link', uri: 'note://2', name: 'second note' },
      { type: 'resource', resource: { uri: 'note://1', text: 'embedded' } },
    ],
  })),
  tool('app', () => text('shown'), { _meta: { ui: { resourceUri: 'ui://clock/app.html', visibility: ['model'] } } }),
]

/** Only 2026-07-28 has structured content that is no object. */
export const MODERN_TOOLS: readonly Tool[] = [
  tool('two-steps', async (_args, { later }) => {
    await later()
    return text('second step')
  }),
  tool('numbers', () => ({ content: [], structuredContent: [1, 2, 3] }), { outputSchema: { type: 'array', items: { type: 'number' } } }),
]
const EXTRA = tool('extra', () => text('extra'))

export const PROMPTS: readonly Tool[] = [
  {
    definition: { name: 'greet', description: 'greets', arguments: [{ name: 'who', required: true }] },
    run: args => ({ messages: [{ role: 'user', content: { type: 'text', text: `greet ${String(args['who'])}` } }] }),
  },
  {
    definition: { name: 'ask-first', description: 'asks first' },
    run: async (_args, { ask }) => {
      const { who } = await ask({ who: form('whom to greet?') })
      return { messages: [{ role: 'user', content: { type: 'text', text: `greet ${who!['content']?.name ?? who!['action']}` } }] }
    },
  },
]

export const RESOURCES: readonly Json[] = [
  { uri: 'note://1', name: 'first note', mimeType: 'text/plain' },
  { uri: 'note://2', name: 'second note', mimeType: 'text/plain' },
]
export const TEMPLATES: readonly Json[] = [{ uriTemplate: 'note://{id}', name: 'a note' }]
/** Readable, listed nowhere (R93). */
const APP = {
  uri: 'ui://clock/app.html',
  mimeType: 'text/html;profile=mcp-app',
  text: '<p>12:00</p>',
  _meta: { ui: { csp: { connectDomains: ['https://time.example'] } } },
}

/** undefined: there is no such resource. */
export async function readResource(uri: string, reach: Reach): Promise<Json | undefined> {
  if (uri === APP.uri) return { contents: [APP] }
  if (uri === 'note://ask') {
    const { who } = await reach.ask({ who: form('whose note?') })
    return { contents: [{ uri, text: `the note of ${who!['content']?.name ?? who!['action']}` }] }
  }
  const id = /^note:\/\/(\d+)$/.exec(uri)?.[1]
  return id === undefined ? undefined : { contents: [{ uri, mimeType: 'text/plain', text: `note ${id}` }] }
}

export const complete = (value: string): Json => {
  const values = ['Ada', 'Alan', 'Grace'].filter(name => name.startsWith(value))
  return { completion: { values, total: values.length, hasMore: false } }
}

/** What changes about an upstream while it runs. */
export class Lists {
  #hasExtra = false
  toggle(): void {
    this.#hasExtra = !this.#hasExtra
  }
  tools(more: readonly Tool[]): readonly Tool[] {
    return [...TOOLS, ...more, ...(this.#hasExtra ? [EXTRA] : [])]
  }
}

export const UI_EXTENSION = 'io.modelcontextprotocol/ui'
export const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  completions: {},
  logging: {},
  extensions: { [UI_EXTENSION]: { mimeTypes: ['text/html;profile=mcp-app'] } },
}
