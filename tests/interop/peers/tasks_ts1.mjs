// The TypeScript SDK, v1, and tasks of 2025-11-25. node tasks_ts1.mjs URL: calls and lists; URL begin: begins a task, and
// ends in the middle of it; URL follow: follows one to its end; URL ID: takes up a task of another process.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const [url, word] = process.argv.slice(2);
const client = new Client({ name: 'ts1', version: '1' }, { capabilities: { elicitation: { form: {} } } });
client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { name: 'Ada' } }));
client.onerror = (error) => console.error(word, new Date().toISOString(), error.message);
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const found = {};

async function follow(name, args, until) {
    const seen = (found[name] = { progress: [] });
    const options = { task: { ttl: 60000 }, onprogress: (told) => seen.progress.push(told.progress) };
    const stream = client.experimental.tasks.callToolStream({ name, arguments: args }, CallToolResultSchema, options);
    for await (const message of stream) {
        if (message.type === 'taskCreated') seen.id = message.task.taskId;
        if (message.type === 'result') seen.text = message.result.content[0].text;
        if (message.type === 'error') seen.error = message.error.message;
        if (message.type === until) return;
    }
}

if (word === 'begin') {
    await client.listTools();
    await follow('slow', { asks: false }, 'taskCreated');
} else if (word === 'follow') {
    await client.listTools();
    await follow('slow', { asks: true });
} else if (word) {
    found.resumed = (await client.experimental.tasks.getTaskResult(word, CallToolResultSchema)).content[0].text;
} else {
    await client.listTools();
    await follow('counts', { to: 3 });
    await follow('greets', {});
    found.listed = (await client.experimental.tasks.listTasks()).tasks.map((task) => task.status);
}
console.log(JSON.stringify(found));
await client.close();
