// An OpenID-certified authorization server, set up as a company might: `node provider.js PORT RESOURCE...`.
// Prints "ready" when it listens. Any user may log in; its own pages ask for that and for consent.
import { Provider, errors } from "oidc-provider";

const [port, ...resources] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "nightly",
      client_secret: "nightly-secret-of-a-test",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
    // Our own authorization server, which sends its users here.
    ...(process.env.BROKER_CALLBACK
      ? [{ client_id: "broker", client_secret: "broker-secret-of-a-test", redirect_uris: [process.env.BROKER_CALLBACK] }]
      : []),
    // A program that was registered by hand.
    ...(process.env.NATIVE_CALLBACK
      ? [
          {
            client_id: "native",
            application_type: "native",
            token_endpoint_auth_method: "none",
            grant_types: ["authorization_code", "refresh_token"],
            redirect_uris: [process.env.NATIVE_CALLBACK],
          },
        ]
      : []),
  ],
  clientDefaults: { id_token_signed_response_alg: "ES256" },
  scopes: ["openid", "offline_access", "orders", "orders:write"],
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed("refresh_token"),
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    revocation: { enabled: true },
    dPoP: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resources[0],
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, indicator) => {
        if (!resources.includes(indicator)) throw new errors.InvalidTarget();
        return {
          scope: "orders orders:write",
          audience: indicator,
          accessTokenFormat: "jwt",
          accessTokenTTL: Number(process.env.TOKEN_SECONDS ?? 3600),
          jwt: { sign: { alg: "ES256" } },
        };
      },
    },
  },
  jwks: { keys: [JSON.parse(process.env.SIGNING_KEY)] },
  cookies: { keys: ["a-test"] },
});

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
