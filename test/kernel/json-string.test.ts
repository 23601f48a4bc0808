import { describe, expect, it } from 'vitest'
import { jsonString } from '../../src/kernel/json-string.ts'

describe('jsonString', () => {
  it('equals the platform for every UTF-16 unit', () => {
    for (let unit = 0; unit <= 0xffff; unit += 1) {
      const value = `x${String.fromCharCode(unit)}y`
      const written = jsonString(value, 10)
      if (JSON.parse(written) !== value || /[^ -~]/.test(written)) expect.fail(`unit ${unit}: ${written}`)
    }
  })
})
