// Plain-text tables.

export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header, ...rows].map(row => row.map(String))
  const widths = header.map((_, column) => Math.max(...cells.map(row => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')
  return [line(cells[0]!), widths.map(width => '-'.repeat(width)).join('  '), ...cells.slice(1).map(line)].join('\n')
}
