// The TypeScript SDK, v1, as a client of our server: node client_ts1.mjs VERSION URL | VERSION COMMAND ARGS...
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { answer, run } from './checks.mjs';

const [version, , target, ...args] = process.argv.slice(2);
const client = new Client({ name: 'ts1', version: '1' }, { capabilities: { elicitation: {} } });
const asked = [];
client.setRequestHandler(ElicitRequestSchema, async (request) => (asked.push(request.params), answer));
const transport = target.startsWith('http')
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args, stderr: 'inherit' });
await client.connect(transport);
await run({
    client,
    asked,
    server: () => client.getServerVersion(),
    // The v1 client keeps the version where only the transport of HTTP shows it.
    version: () => (target.startsWith('http') ? transport.protocolVersion : version),
    call: (params, options) => client.callTool(params, undefined, options),
}, version);
await client.close();
