// The pages between an authorization request and its answer: who are you, and may this application act for you.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { InteractionResults, Provider } from 'oidc-provider'
import { EVALUATION_CLIENT } from '../config/schema.ts'
import { consentPage, errorPage, loginPage, pageHeaders, type ClientView } from './pages.ts'
import { scopesFor, type Directory } from './settings.ts'

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>
const MAX_FORM_BYTES = 4096
const ROUTE = /^\/interaction\/([A-Za-z0-9_-]{10,64})(?:\/(login|consent|abort))?$/

/** Serves `/interaction/...`; false for any other path. The browser must hold the interaction's cookie; forms must come from our own page. */
export async function serveInteraction(
  provider: Provider,
  directory: Directory,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<boolean> {
  const [path, uid, act] = ROUTE.exec(req.url ?? '') ?? []
  if (path === undefined) return false
  const interaction = await provider.interactionDetails(req, res).catch(() => undefined)
  if (!interaction || interaction.uid !== uid) show(res, 400, errorPage('This sign-in has expired or belongs to another browser window.'))
  else if (act === undefined && req.method === 'GET') await ask(provider, directory, interaction, res)
  else if (act === undefined || req.method !== 'POST') show(res, 405, errorPage('That is not something this page does.'))
  // Cookies do not tell ports of 127.0.0.1 apart; the Origin header does (CSRF by another local page).
  else if (req.headers.origin !== provider.issuer) show(res, 403, errorPage('The form came from another page.'))
  else {
    const result = await decide(provider, directory, interaction, { act, form: await readForm(req) })
    if (result) await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true })
    else show(res, 400, errorPage('That choice is not possible here.'))
  }
  return true
}

async function ask(provider: Provider, directory: Directory, interaction: Interaction, res: ServerResponse): Promise<void> {
  const { params, prompt, session } = interaction
  const client = await provider.Client.find(text(params, 'client_id'))
  const view: ClientView = {
    name: client?.clientName ?? 'unnamed client',
    id: text(params, 'client_id'),
    redirect: text(params, 'redirect_uri'),
  }
  const action = `/interaction/${interaction.uid}`
  const users = [...directory.users].map(([name, groups]) => ({ name, groups }))
  if (prompt.name === 'login') show(res, 200, loginPage(action, isGateway(params) ? undefined : view, users), view.redirect)
  else {
    const scopes = text(params, 'scope').split(' ')
    show(res, 200, consentPage(action, view, { user: session?.accountId ?? '', resources: resourcesOf(params), scopes }), view.redirect)
  }
}

async function decide(
  provider: Provider,
  directory: Directory,
  interaction: Interaction,
  choice: { act: string; form: URLSearchParams },
): Promise<InteractionResults | undefined> {
  const { prompt, params, session } = interaction
  if (choice.act === 'abort') return { error: 'access_denied', error_description: 'the user refused' }
  if (choice.act !== prompt.name) return undefined
  if (choice.act === 'login') {
    const user = choice.form.get('user') ?? ''
    if (!directory.users.has(user)) return undefined
    const login = { login: { accountId: user, remember: false } }
    // The gateway asks who somebody is; what applications may do it asks on a page of its own.
    return isGateway(params) ? { ...login, consent: { grantId: await grantFor(provider, directory, params, user) } } : login
  }
  if (session?.accountId === undefined) return undefined
  return { consent: { grantId: await grantFor(provider, directory, params, session.accountId) } }
}

function grantFor(provider: Provider, directory: Directory, params: Interaction['params'], user: string): Promise<string> {
  const grant = new provider.Grant({ accountId: user, clientId: text(params, 'client_id') })
  grant.addOIDCScope(text(params, 'scope'))
  const asked = text(params, 'scope').split(' ')
  for (const resource of resourcesOf(params)) grant.addResourceScope(resource, scopesFor(directory, resource, asked).join(' '))
  return grant.save()
}

const isGateway = (params: Interaction['params']): boolean => text(params, 'client_id') === EVALUATION_CLIENT

/** oidc-provider checked the parameters; all of these are strings. */
const text = (params: Interaction['params'], name: string): string => (typeof params[name] === 'string' ? params[name] : '')
const resourcesOf = (params: Interaction['params']): string[] => [params['resource'] ?? []].flat().map(String)

function show(res: ServerResponse, status: number, html: string, redirect?: string): void {
  res.writeHead(status, { ...pageHeaders(redirect), 'cache-control': 'no-store' }).end(html)
}

async function readForm(req: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_FORM_BYTES) return new URLSearchParams()
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}
