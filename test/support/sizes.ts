// Which test files are long: half a minute and more each, for a gateway or a browser per attack. `npm test` runs their short size, the tests
// with the tag `short`; `npm run soak -- --only suites` runs them all, and `vitest run --mode long FILE` one.

export const LONG: readonly string[] = [
  'test/attacks/{credentials,identity-assertion,isolation,policies,stolen-registry}.test.ts',
  'test/browser/{attacks,console-approvals,console-attacks,console-audit}.test.ts',
  'test/cli/restore-attacks.test.ts',
]

/** Arguments of `vitest run --mode long` for the short size. */
export const SHORT_OF_LONG: readonly string[] = ['--tagsFilter', 'short']
