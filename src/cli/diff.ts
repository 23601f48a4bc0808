// A unified diff of two texts, so that people see exactly what would change.

type Line = { readonly sign: ' ' | '-' | '+'; readonly text: string }

/** Hunks with three lines of context, or '' when nothing differs. */
export function unifiedDiff(before: string, after: string): string {
  const lines = compare(before.split('\n'), after.split('\n'))
  const hunks: string[] = []
  let [oldLine, newLine] = [1, 1]
  let hunk: { at: [number, number]; lines: Line[]; quiet: number } | undefined
  const context: Line[] = []
  const close = (): void => {
    if (!hunk) return
    const shown = hunk.lines.slice(0, hunk.lines.findLastIndex(line => line.sign !== ' ') + 4)
    const count = (sign: '-' | '+'): number => shown.filter(line => line.sign !== (sign === '-' ? '+' : '-')).length
    hunks.push(
      `@@ -${hunk.at[0]},${count('-')} +${hunk.at[1]},${count('+')} @@\n${shown.map(line => `${line.sign}${line.text}\n`).join('')}`,
    )
    hunk = undefined
  }
  for (const line of lines) {
    if (line.sign !== ' ') {
      hunk ??= { at: [oldLine - context.length, newLine - context.length], lines: [...context], quiet: 0 }
      hunk.quiet = 0
    } else if (hunk && ++hunk.quiet > 6) close()
    hunk?.lines.push(line)
    context.push(line)
    if (line.sign !== ' ') context.length = 0
    if (context.length > 3) context.shift()
    if (line.sign !== '+') oldLine++
    if (line.sign !== '-') newLine++
  }
  close()
  return hunks.join('')
}

/** Changes beyond this are shown as one block of old lines and one of new: still true, only longer. */
const MAX_EDITS = 2000

/** Myers, "An O(ND) Difference Algorithm", 1986: the greedy form, on what is left between the common beginning and end. */
function compare(a: readonly string[], b: readonly string[]): readonly Line[] {
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  const same = (lines: readonly string[]): Line[] => lines.map(text => ({ sign: ' ', text }))
  const [middleA, middleB] = [a.slice(start, a.length - end), b.slice(start, b.length - end)]
  return [...same(a.slice(0, start)), ...shortestEdit(middleA, middleB), ...same(end === 0 ? [] : a.slice(-end))]
}

function shortestEdit(a: readonly string[], b: readonly string[]): readonly Line[] {
  const furthest = new Map<number, number>([[1, 0]])
  const at = (k: number): number => furthest.get(k) ?? -1
  const trace: ReadonlyMap<number, number>[] = []
  for (let d = 0; d <= Math.min(a.length + b.length, MAX_EDITS); d++) {
    trace.push(new Map(furthest))
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && at(k - 1) < at(k + 1)) ? at(k + 1) : at(k - 1) + 1
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++
      furthest.set(k, x)
      if (x >= a.length && x - k >= b.length) return backtrack(a, b, trace)
    }
  }
  return [...a.map(text => ({ sign: '-', text }) as const), ...b.map(text => ({ sign: '+', text }) as const)]
}

function backtrack(a: readonly string[], b: readonly string[], trace: readonly ReadonlyMap<number, number>[]): readonly Line[] {
  const lines: Line[] = []
  let [x, y] = [a.length, b.length]
  for (let d = trace.length - 1; d >= 0; d--) {
    const at = (k: number): number => trace[d]?.get(k) ?? -1
    const k = x - y
    const from = k === -d || (k !== d && at(k - 1) < at(k + 1)) ? k + 1 : k - 1
    const [oldX, oldY] = [at(from), at(from) - from]
    while (x > Math.max(oldX, 0) && y > Math.max(oldY, 0)) {
      lines.push({ sign: ' ', text: a[--x] ?? '' })
      y--
    }
    if (d === 0) break
    if (x === oldX) lines.push({ sign: '+', text: b[--y] ?? '' })
    else lines.push({ sign: '-', text: a[--x] ?? '' })
  }
  return lines.reverse()
}
