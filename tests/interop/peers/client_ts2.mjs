// The TypeScript SDK, v2, as a client of our server: node client_ts2.mjs VERSION MODE URL | VERSION MODE COMMAND ARGS...
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { answer, run } from './checks.mjs';

const [version, mode, target, ...args] = process.argv.slice(2);
const client = new Client(
    { name: 'ts2', version: '1' },
    { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode } });
const asked = [];
client.setRequestHandler('elicitation/create', async (request) => (asked.push(request.params), answer));
const transport = target.startsWith('http')
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args, stderr: 'inherit' });
await client.connect(transport);
await run({
    client,
    asked,
    server: () => client.getServerVersion(),
    version: () => client.getNegotiatedProtocolVersion(),
    call: (params, options) => client.callTool(params, options),
}, version);
await client.close();
