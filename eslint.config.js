import js from '@eslint/js'
import ts from 'typescript-eslint'

const restricted = [
  { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
  { selector: 'ExportAllDeclaration', message: 'No barrels: import from the file that defines it.' },
  { selector: "MemberExpression[object.name='process'][property.name='env']", message: 'Only config/load.ts reads the environment.' },
  { selector: "CallExpression[callee.object.name='Math'][callee.property.name='random']", message: 'Use node:crypto.' },
]
const clock = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0], CallExpression[callee.object.name='Date'][callee.property.name='now']",
  message: 'Take `now` as a parameter.',
}

export default ts.config(
  {
    ignores: [
      'eslint.config.js',
      'vitest.config.ts',
      '.dependency-cruiser.cjs',
      'dist',
      'console/build.js',
      'coverage',
      '.demo',
      '.tmp',
      '.gatehouse',
      'bench/node_modules',
      'test/fixtures/**/*.mjs',
      // packed and installed as it is, so it is no TypeScript
      'examples/supply-chain/notes/index.js',
    ],
  },
  js.configs.recommended,
  ts.configs.strictTypeChecked,
  ts.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { project: ['tsconfig.json', 'console/tsconfig.json'], tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/prefer-nullish-coalescing': 'off',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      '@typescript-eslint/no-empty-function': 'off',
      'no-restricted-syntax': ['error', ...restricted, clock],
      'no-control-regex': 'off',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 20],
      'max-params': ['error', 4],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  // The entry points and the shell own the clock; they hand `now` down.
  {
    files: ['src/main.ts', 'src/cli.ts', 'src/cli/**', 'src/adapters/**', 'src/http/**'],
    rules: { 'no-restricted-syntax': ['error', ...restricted] },
  },
  // Pages tell times from now, in the browser.
  { files: ['console/src/**'], rules: { 'no-restricted-syntax': ['error', ...restricted] } },
  {
    files: ['src/config/load.ts', 'src/cli/**'],
    rules: { 'no-restricted-syntax': ['error', ...restricted.filter(r => !r.selector.includes('env'))] },
  },
  // The composition root is read from top to bottom; cutting it up would hide the order of starting and stopping.
  { files: ['src/main.ts'], rules: { 'max-lines-per-function': ['error', { max: 200, skipBlankLines: true, skipComments: true }] } },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      'no-restricted-syntax': 'off',
      'max-lines-per-function': 'off',
      'no-console': 'off',
      complexity: 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-deprecated': 'off',
      'max-lines': ['error', { max: 600, skipBlankLines: true, skipComments: true }],
    },
  },
)
