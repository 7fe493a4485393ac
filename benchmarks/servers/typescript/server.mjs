// The TypeScript SDK, with its fastest settings: `server.mjs PORT|stdio`.
import http from 'node:http';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { toNodeHandler } from '@modelcontextprotocol/node';
import * as z from 'zod';

function build() {
  const server = new McpServer({ name: 'bench', version: '1.0.0' });
  const about = {
    description: 'Add two numbers.',
    inputSchema: z.object({ a: z.number().int(), b: z.number().int() }),
    outputSchema: z.object({ result: z.number() }),
  };
  server.registerTool('add', about, async ({ a, b }) => ({
    content: [{ type: 'text', text: String(a + b) }],
    structuredContent: { result: a + b },
  }));
  return server;
}

const where = process.argv[2];
if (where === 'stdio') {
  await serveStdio(build);
} else {
  const handler = toNodeHandler(createMcpHandler(build, { responseMode: 'json' }));
  http.createServer(handler).listen(Number(where), '127.0.0.1');
}
