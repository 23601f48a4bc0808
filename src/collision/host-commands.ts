// Slash commands that are built into hosts, and how each host shows the prompts of servers. Maintained by hand: everything here is from documentation or public
// source as of the date given, nothing was run. A new command is added to its list; a new host is one more entry.

/** How a host shows a prompt. `bare`: as `/prompt`, where commands of its own stand; `named`: the server is part of it; `none`: not as a command. */
type Rendering = 'bare' | 'named' | 'none'

export type HostCommands = {
  readonly host: string
  /** how prompts are shown, for people: `{server}` is what the host calls this gateway */
  readonly shows: string
  readonly rendering: Rendering
  /** what stands for white space in a prompt's name; undefined: it stays */
  readonly space?: '_' | '-'
  readonly source: string
  readonly asOf: string
  readonly commands: readonly string[]
}

const words = (text: string): readonly string[] => text.split(/\s+/).filter(Boolean)

export const HOSTS: readonly HostCommands[] = [
  {
    host: 'Claude Code',
    shows: '/{server}:{prompt} (MCP), and /mcp__{server}__{prompt}',
    rendering: 'named',
    space: '_',
    source: 'code.claude.com/docs/en/commands and /mcp ("Use MCP prompts as commands"), by copies of it in public repositories',
    asOf: '2026-05-31',
    commands: words(`
      add-dir agents allowed-tools android app autocompact autofix-pr background bashes batch bg branch btw bug checkpoint chrome claude-api clear code-review
      color compact config context continue copy cost debug deep-research desktop diff doctor effort exit export fast feedback fewer-permission-prompts focus fork
      goal heapdump help hooks ide init insights install-github-app install-slack-app ios keybindings login logout loop mcp memory mobile model new passes
      permissions plan plugin powerup pr-comments privacy-settings proactive quit radio rc recap release-notes reload-plugins reload-skills remote-control remote-env
      rename reset resume review rewind routines run run-skill-generator sandbox schedule scroll-speed security-review settings setup-bedrock setup-vertex share
      simplify skills stats status statusline stickers stop tasks team-onboarding teleport terminal-setup theme tp tui ultraplan ultrareview undo upgrade usage
      usage-credits verify vim voice web-setup workflows`),
  },
  {
    host: 'Claude Desktop',
    shows: 'in the menu of the message box, by name and title, under the server; no commands are typed',
    rendering: 'none',
    source: 'modelcontextprotocol.io/docs and mentions in public repositories; the vendor documents no form',
    asOf: '2026-11-27',
    commands: [],
  },
  {
    host: 'Cursor',
    shows: 'not documented; taken for /{prompt}',
    rendering: 'bare',
    source:
      'cursor.com/docs/cli/reference/slash-commands, by a copy in a public repository; the form of prompts was found nowhere, so the worse one is assumed',
    asOf: '2026-11-27',
    commands: words(`
      about ask auto-run automate autopilot bedrock best-of-n canvas clear commands compress config context copy copy-conversation-id copy-request-id create-hook
      create-rule create-skill create-subagent cursor cursor-blame debug exit fast feedback fork goal help in-cloud jobs line-numbers logout logs loop max-mode mcp
      migrate-to-skills model new new-chat newchat open plan plugin quit rename resume review review-bugbot review-security rewind rules run run-everything sandbox
      sdk setup-terminal sh shell show-thinking side split-to-prs status-indicators statusline summarize update update-cli-config update-cursor-settings vim`),
  },
  {
    host: 'VS Code',
    shows: '/mcp.{server}.{prompt}',
    rendering: 'named',
    source: 'microsoft/vscode-docs docs/copilot/reference/copilot-vscode-features.md and release notes 1.101',
    asOf: '2026-05-20',
    commands: words(`
      agents autoApprove clear compact create-agent create-hook create-instruction create-prompt create-skill debug disableAutoApprove disableYolo doc explain fix
      fork help hooks init instructions new newNotebook plan prompts search setupTests skills startDebugging tests troubleshoot yolo`),
  },
  {
    host: 'Gemini CLI',
    shows: '/{prompt}; where one of its own has that name, /{server}.{prompt}',
    rendering: 'bare',
    space: '-',
    source: 'google-gemini/gemini-cli docs/reference/commands.md, packages/cli/src/services/McpPromptLoader.ts and SlashCommandResolver.ts',
    asOf: '2026-11-27',
    commands: words(`
      about agents auth bashes bug chat clear commands compress copy corgi dir directory docs editor exit extensions footer help hooks ide init mcp memory model
      oncall permissions plan policies privacy profile quit restore resume rewind settings setup-github shells shortcuts skills stats tasks terminal-setup theme
      tools upgrade vim`),
  },
  {
    host: 'Codex CLI',
    shows: 'not at all (openai/codex#8342)',
    rendering: 'none',
    source:
      'developers.openai.com/codex/cli/slash-commands, by a copy in a public repository; openai/codex codex-rs/tui/src/slash_command.rs',
    asOf: '2026-11-27',
    commands: words(`
      agent agents approvals approve apps btw clear compact copy debug-config diff exit experimental fast feedback fork goal hooks ide init keymap logout mcp
      memories mention model new output-style permissions personality plan plugins ps quit raw resume review rollout sandbox-add-read-dir setup-default-sandbox side
      skills status statusline stop subagents theme title vim`),
  },
]
