// The identity provider of a leg: whoever comes is signed in as `alice`.

import { startAuthorizationServer, type UpstreamAs } from '../connect/authorization-server.ts'
import { LOGIN_CLIENT } from './gateway.ts'

/** One for all gateways of a leg, because the port of a loopback redirect may vary (RFC 8252 section 7.3). */
export const startIdentityProvider = (): Promise<UpstreamAs> =>
  startAuthorizationServer({
    resources: () => ({}),
    clients: [
      {
        client_id: LOGIN_CLIENT,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: ['http://127.0.0.1/oauth/login/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
      },
    ],
  })
