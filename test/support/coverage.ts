// Whether this run counts coverage: said by vitest.config.ts, for what must not be measured beside it.

const VARIABLE = 'GATEHOUSE_TEST_COVERAGE'

export const coverageEnvironment = (isCounted: boolean): Record<string, string> => (isCounted ? { [VARIABLE]: '1' } : {})
export const isCoverageCounted = (): boolean => process.env[VARIABLE] === '1'
