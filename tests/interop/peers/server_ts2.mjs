// The TypeScript SDK, v2, as a server: node server_ts2.mjs stdio | PORT. Offers what tests/interop/server.py does.
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
    McpServer, ResourceTemplate, acceptedContent, createMcpHandler, inputRequired,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import * as z from 'zod';

const said = (text) => ({ content: [{ type: 'text', text }] });
const ADDRESS = z.object({ street: z.string(), express: z.boolean().default(false) });
const FORM = {
    type: 'object',
    properties: { street: { type: 'string' }, express: { type: 'boolean', default: false } },
    required: ['street'],
};

function made() {
    const server = new McpServer({ name: 'interop', version: '1.2.3' }, { instructions: 'Ask for anything.' });
    server.registerTool('add', {
        inputSchema: z.object({ a: z.number().int(), b: z.number().int() }),
        outputSchema: z.object({ result: z.number() }),
    }, async ({ a, b }) => ({ ...said(String(a + b)), structuredContent: { result: a + b } }));
    server.registerTool('fail', {}, async () => ({ ...said('there is no ink left'), isError: true }));
    server.registerTool('steps', { inputSchema: z.object({ count: z.number() }) }, async ({ count }, ctx) => {
        for (let progress = 1; progress <= count; progress += 1) {
            await ctx.mcpReq.notify({
                method: 'notifications/progress',
                params: { progressToken: ctx.mcpReq._meta.progressToken, progress, total: count, message: `step ${progress}` },
            });
        }
        return said('done');
    });
    server.registerTool('order', { inputSchema: z.object({ item: z.string() }) }, async ({ item }, ctx) => {
        const address = acceptedContent(ctx.mcpReq.inputResponses, 'where', ADDRESS);
        if (!address) {
            const where = inputRequired.elicit({ message: 'Where to?', requestedSchema: FORM });
            return inputRequired({ inputRequests: { where } });
        }
        return said(`${item} to ${address.street}, ${address.express ? 'express' : 'slow'}`);
    });
    server.registerResource('config', 'config://app', { mimeType: 'application/json' },
        async (uri) => ({ contents: [{ uri: uri.href, text: '{"dark":true}' }] }));
    server.registerResource('user', new ResourceTemplate('user://{id}/name', { list: undefined }), {},
        async (uri, { id }) => ({ contents: [{ uri: uri.href, text: `user ${id}` }] }));
    server.registerPrompt('greet', { argsSchema: z.object({ name: z.string() }) }, async ({ name }) => ({
        messages: [{ role: 'user', content: { type: 'text', text: `Say something kind to ${name}.` } }],
    }));
    return server;
}

if (process.argv[2] === 'stdio') {
    serveStdio(made);
} else {
    createServer(toNodeHandler(createMcpHandler(made))).listen(Number(process.argv[2]), '127.0.0.1');
}
