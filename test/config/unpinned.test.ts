// What a command line fetches when it starts, and whether it says exactly what (N141).

import { describe, expect, it } from 'vitest'
import { unpinnedIn } from '../../src/config/unpinned.ts'

const DIGEST = `@sha256:${'a'.repeat(64)}`
const words = (line: string): string[] => line.split(' ')

describe('attack: code that nobody named exactly is fetched at the start (N141)', () => {
  it.each([
    ['npx -y mcp-server', 'mcp-server'],
    ['npx -y mcp-server@latest', 'mcp-server@latest'],
    ['npx -y mcp-server@^1.2.3', 'mcp-server@^1.2.3'],
    ['npx -y mcp-server@1', 'mcp-server@1'],
    ['npx -y github:owner/repo', 'github:owner/repo'],
    ['npx -y https://host.example/x.tgz', 'https://host.example/x.tgz'],
    ['npx -y -p good@1.2.3 -p evil run', 'evil'],
    ['npx --package=evil run', 'evil'],
    ['npx --prefix good@1.2.3 evil', 'npx --prefix'],
    ['npm exec -- evil', 'evil'],
    ['npm x --yes evil', 'evil'],
    ['pnpm dlx evil', 'evil'],
    ['yarn dlx evil', 'evil'],
    ['bun x evil', 'evil'],
    ['bunx evil', 'evil'],
    ['uvx evil', 'evil'],
    ['uvx evil==1.*', 'evil==1.*'],
    ['uvx --from good==1.2 --with evil tool', 'evil'],
    ['uvx --with good==1,evil tool==1', 'evil'],
    ['uv tool run evil', 'evil'],
    ['uv run --with evil server.py', 'evil'],
    ['uvx --index https://host.example good==1', 'uvx --index'],
    ['pipx run evil', 'evil'],
    ['go run example.com/cmd@latest', 'example.com/cmd@latest'],
    ['deno run npm:evil', 'npm:evil'],
    ['deno run -A https://host.example/x.ts', 'https://host.example/x.ts'],
    ['docker run -i --rm image', 'image'],
    ['docker run -i --rm image:1.2.3', 'image:1.2.3'],
    [`docker run -i evil good${DIGEST}`, 'evil'],
    [`podman run --replace evil good${DIGEST}`, 'podman run --replace'],
    ['docker exec -i container server', 'docker exec'],
    ['docker --context other run image', 'docker --context'],
    ['cmd /c npx -y evil', 'evil'],
    ['env A=1 npx -y evil', 'evil'],
    ['bwrap --unshare-all -- npx -y evil', 'evil'],
    ['/usr/bin/npx -y evil', 'evil'],
    ['C:\\node\\npx.cmd evil', 'evil'],
  ])('%s', (line, found) => expect(unpinnedIn(words(line))).toBe(found))

  it.each(['npx -y evil', 'cd /x && npx -y evil', '(npx -y evil)', 'exec "npx" -y evil'])('in a script: sh -c %j', script =>
    expect(unpinnedIn(['sh', '-c', script])).toBe('evil'),
  )
})

describe('what is named exactly, or fetches nothing', () => {
  it.each([
    'npx -y mcp-server@1.2.3',
    'npx -y @scope/mcp-server@2026.8.31 --flag latest',
    'npx -y -p good@1.2.3 run evil',
    'npx ./local.js',
    'npm exec --yes -- good@1.2.3-rc.1',
    'npm run start',
    'uvx good==1.2',
    'uvx --python 3.12 --from good[cli]==1.2 tool',
    'uv run --directory . server.py',
    'uv sync',
    'pipx run --spec good==1.2 tool',
    'go run example.com/cmd@v1.2.3',
    'go run ./cmd',
    'deno run -A npm:good@1.2.3/server',
    `docker run -i --rm -e TOKEN --name=x -v /a:/b image${DIGEST} --verbose`,
    'docker ps',
    'node server.js npx',
    'node node_modules/server/index.js stdio',
    'npx',
  ])('%s', line => expect(unpinnedIn(words(line))).toBe(undefined))
  it('text that only mentions a runner', () => expect(unpinnedIn(['node', 'x.js', 'say npx evil'])).toBe(undefined))
})
