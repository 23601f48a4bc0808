// How fast texts are inspected: megabytes of JSON a second of one core's CPU, by what the JSON is.

import { inspect } from '../../src/inspection/inspect.ts'
import type { DocumentKind } from '../../src/inspection/finding.ts'
import { median, round } from './stats.ts'

export type InspectionFigure = {
  readonly what: string
  readonly bytes: number
  readonly bestMbPerSecond: number
  readonly mbPerSecond: number
}

const PROSE =
  'Searches the issues of a repository and returns those that match. Use `state` to choose open or closed ones, and do not forget that results come in pages. '
const MARKDOWN = `## Results\n\n- **Title**: an issue about "quotes", paths like src/main.ts and https://docs.example.com/a?b=c\n- ${PROSE}\n\n\`\`\`ts\nconst x = [1, 2, 3]\n\`\`\`\n`
const SIZE = 2_000_000
/** Inspections in one look at the clock, which counts in milliseconds on some machines. */
const TIMES = 4

const filled = (text: string, size = SIZE): string => text.repeat(Math.ceil(size / text.length))
const tool = (i: number): unknown => ({
  name: `search_issues_${i}`,
  description: PROSE.repeat(3),
  annotations: { title: 'Search issues', readOnlyHint: true },
  inputSchema: {
    type: 'object',
    properties: Object.fromEntries(['query', 'state', 'page', 'per_page'].map(key => [key, { type: 'string', description: PROSE }])),
    required: ['query'],
  },
})

/** What comes by: lists, results as people write them, rows of data, other scripts, pictures. */
const DOCUMENTS: readonly (readonly [what: string, kind: DocumentKind, value: () => unknown])[] = [
  ['a list of 1,000 tools', 'definition', () => ({ tools: Array.from({ length: 1000 }, (_, i) => tool(i)) })],
  ['one long text, plain ASCII', 'content', () => ({ content: [{ type: 'text', text: filled(PROSE) }] })],
  ['one long text, Markdown with escapes', 'content', () => ({ content: [{ type: 'text', text: filled(MARKDOWN) }] })],
  [
    '20,000 rows of data',
    'content',
    () => ({ rows: Array.from({ length: 20_000 }, (_, i) => ({ id: i, name: `user ${i}`, mail: `u${i}@example.com`, is: true })) }),
  ],
  ['Chinese and Japanese', 'content', () => ({ text: filled('这是一个说明。日本語の説明とテキスト、読みます。', SIZE / 3) })],
  ['Cyrillic and emoji', 'content', () => ({ text: filled('Привет мир, это обычный текст \u{1F600}\ufe0f. ', SIZE / 2) })],
  [
    'a picture in base64',
    'content',
    () => ({ content: [{ type: 'image', data: filled('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk') }] }),
  ],
]

/** CPU of this thread, so that other processes do not count. */
export function measureInspection(rounds: number): InspectionFigure[] {
  return DOCUMENTS.map(([what, kind, value]) => {
    const json = Buffer.from(JSON.stringify(value()))
    for (let i = 0; i < 10; i++) inspect(json, kind)
    const rates = Array.from({ length: rounds }, () => {
      const before = process.threadCpuUsage()
      for (let i = 0; i < TIMES; i++) inspect(json, kind)
      const { user, system } = process.threadCpuUsage(before)
      return (json.length * TIMES) / (user + system)
    })
    return { what, bytes: json.length, bestMbPerSecond: round(Math.max(...rates), 0), mbPerSecond: round(median(rates), 0) }
  })
}
