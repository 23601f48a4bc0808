import { describe, expect, it } from 'vitest'
import { fileToken, fixedToken, mintedTokens, readToken } from '../../src/stdio/tokens.ts'

describe('readToken', () => {
  it('takes what RFC 6750 calls a token, white space around it aside', () => {
    expect(readToken(' abc.DEF-_~+/==\r\n', 'here')).toBe('abc.DEF-_~+/==')
  })
  it.each(['', ' ', 'two words', 'line\nbreak', 'x\r\nevil: header', 'ü', 'a'.repeat(16_001)])('refuses %j without repeating it', text => {
    expect(() => readToken(text, '`/run/token`')).toThrow(/^`\/run\/token` holds no access token$/)
  })
})

describe('a fixed token', () => {
  it('cannot be renewed', async () => {
    const source = fixedToken('a', 'fix')
    expect(await source.get()).toBe('a')
    expect(await source.renew('a')).toBeUndefined()
  })
})

describe('a token in a file', () => {
  it('is looked at again after a while, and at once when it was refused', async () => {
    let [text, now, reads] = ['one', 0, 0]
    const source = fileToken(
      async () => (reads++, text),
      'the file',
      () => now,
    )
    expect(await source.get()).toBe('one')
    text = 'two'
    now = 4_999
    expect(await source.get()).toBe('one')
    expect(reads).toBe(1)
    now = 5_000
    expect(await source.get()).toBe('two')
    expect(await source.renew('two')).toBeUndefined()
    text = 'three'
    expect(await source.renew('two')).toBe('three')
  })
})

describe('minted tokens', () => {
  const minting = (seconds = 600) => {
    const state = { now: 0, minted: 0, isDown: false }
    const source = mintedTokens(
      async () => {
        if (state.isDown) throw new Error('down')
        return { token: `t${++state.minted}`, expiresInSeconds: seconds }
      },
      () => state.now,
    )
    return { state, source }
  }

  it('are asked for once, however many want one at the same time', async () => {
    const { state, source } = minting()
    expect(await Promise.all([source.get(), source.get(), source.get()])).toEqual(['t1', 't1', 't1'])
    expect(state.minted).toBe(1)
  })

  it('are replaced well before they expire', async () => {
    const { state, source } = minting()
    await source.get()
    state.now = 539_999
    expect(await source.get()).toBe('t1')
    state.now = 540_000
    expect(await source.get()).toBe('t2')
  })

  it('are renewed once for all requests that met the same refusal', async () => {
    const { source } = minting()
    await source.get()
    expect(await source.renew('t1')).toBe('t2')
    expect(await source.renew('t1')).toBe('t2')
    expect(await source.renew('t2')).toBe('t3')
  })

  it('are asked for again after a failure', async () => {
    const { state, source } = minting()
    state.isDown = true
    await expect(source.get()).rejects.toThrow('down')
    state.isDown = false
    expect(await source.get()).toBe('t1')
  })
})
