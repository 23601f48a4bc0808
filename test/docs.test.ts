// Documentation that points somewhere: links and anchors lead to something, and files that are named exist.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const PAGES = [
  ...readdirSync(root).filter(file => file.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.md'))
    .map(file => join('docs', file)),
]
const read = (page: string): string => readFileSync(join(root, page), 'utf8')
const withoutCode = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '')

/** Anchors as code hosts make them from headings. */
const anchorsOf = (page: string): string[] =>
  [...withoutCode(read(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

describe.each(PAGES)('%s', page => {
  const text = withoutCode(read(page))

  it('has links that lead somewhere', () => {
    const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter(target => !/^[a-z]+:/.test(target))
      .filter(target => {
        const [file = '', anchor] = target.split('#')
        const to = file === '' ? page : relative(root, join(root, dirname(page), file))
        if (!existsSync(join(root, to))) return true
        return anchor !== undefined && !anchorsOf(to).includes(anchor)
      })
    expect(broken).toEqual([])
  })

  it('names files that exist', () => {
    const missing = [...text.matchAll(/`((?:src|test|docs|bench|examples|schemas)\/[\w./-]+)`/g)]
      .map(([, path = '']) => path)
      .filter(path => !existsSync(join(root, path)) && !PLANNED.has(path))
    expect(missing).toEqual([])
  })
})

describe('figures of README.md', () => {
  const rows = [...read('README.md').matchAll(/^\| .+ \| (.*\d.*) \| \[[^\]]+\]\(([^)]+)\) \|$/gm)].map(([, figures = '', file = '']) => ({
    figures,
    file,
  }))
  const numbersIn = (text: string): string[] => [...text.replaceAll(/(?<=\d),(?=\d{3})/g, '').matchAll(/\d+/g)].map(([n]) => n)

  it('are there', () => {
    expect(rows.length).toBeGreaterThan(2)
  })
  it.each(rows)('stand in $file: $figures', ({ figures, file }) => {
    const measured = new Set(numbersIn(read(file)))
    expect(numbersIn(figures).filter(n => !measured.has(n))).toEqual([])
  })
})

/** Where things will go once they exist; and output that is not kept. */
const PLANNED = new Set(['test/conformance/out/'])
