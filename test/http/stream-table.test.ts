import { describe, expect, it } from 'vitest'
import { SseChannel, StreamTable } from '../../src/http/sse-channel.ts'
import { keyOf } from '../../src/kernel/principal.ts'

function channel() {
  const written: string[] = []
  let close = (): void => {}
  const made = new SseChannel({
    write: chunk => (written.push(chunk.toString()), true),
    end: () => close(),
    onClose(listener) {
      const before = close
      close = () => {
        before()
        listener()
      }
    },
  })
  return { made, written }
}
const alice = keyOf('https://i', 'alice')
const held = (expiresAtSeconds: number) => ({ principal: alice, issuer: 'https://i', issuedAtSeconds: 0, expiresAtSeconds, aliases: [] })

describe('standing streams', () => {
  it('N031: a stream ends with the token that opened it, whatever newer token its owner has; others go on', () => {
    const table = new StreamTable()
    const [old, fresh] = [channel(), channel()]
    table.add(old.made, held(100))
    table.add(fresh.made, held(200))
    table.tick(99)
    expect([old.made.isOpen, fresh.made.isOpen, table.size]).toEqual([true, true, 2])
    table.tick(100)
    expect([old.made.isOpen, fresh.made.isOpen, table.size]).toEqual([false, true, 1])
    expect(old.made.write(Buffer.from('late'))).toBe(false)
    expect(table.isFull(alice, { total: 10, perPrincipal: 1 })).toBe(true)
    table.tick(200)
    expect([table.size, table.isFull(alice, { total: 10, perPrincipal: 1 })]).toEqual([0, false])
  })
})
