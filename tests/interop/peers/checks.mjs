// What a TypeScript client of either generation checks of our server; one line of JSON a check goes to stdout.
// `talk` hides what the generations call differently.
import assert from 'node:assert/strict';

const text = (result) => result.content.map((block) => block.text).join('\n');

export async function run(talk, expectedVersion) {
    const checks = {
        async hello() {
            assert.equal(talk.server().name, 'interop');
            assert.equal(talk.version(), expectedVersion);
        },
        async list() {
            const { tools } = await talk.client.listTools();
            assert.deepEqual(tools.map((tool) => tool.name).sort(), ['add', 'fail', 'go', 'order', 'steps']);
            assert.deepEqual(tools.find((tool) => tool.name === 'add').inputSchema.required, ['a', 'b']);
        },
        async call() {
            const result = await talk.call({ name: 'add', arguments: { a: 40, b: 2 } });
            assert.deepEqual(result.structuredContent, { result: 42 });
            assert.equal(text(result), '42');
            const many = await Promise.all(
                Array.from({ length: 20 }, (_, n) => talk.call({ name: 'add', arguments: { a: n, b: n } })));
            assert.deepEqual(many.map((one) => one.structuredContent.result), many.map((_, n) => 2 * n));
        },
        async error() {
            const failed = await talk.call({ name: 'fail', arguments: {} });
            assert.equal(failed.isError, true);
            assert.match(text(failed), /no ink left/);
            const wrong = await talk.call({ name: 'add', arguments: { a: 'forty', b: 2 } });
            assert.equal(wrong.isError, true);
            await assert.rejects(talk.call({ name: 'nothing', arguments: {} }), { code: -32602 });
        },
        async resources() {
            const { resources } = await talk.client.listResources();
            assert.deepEqual(resources.map((resource) => resource.uri), ['config://app']);
            const { resourceTemplates } = await talk.client.listResourceTemplates();
            assert.deepEqual(resourceTemplates.map((template) => template.uriTemplate), ['user://{id}/name']);
            assert.equal((await talk.client.readResource({ uri: 'config://app' })).contents[0].text, '{"dark":true}');
            assert.equal((await talk.client.readResource({ uri: 'user://7/name' })).contents[0].text, 'user 7');
            await assert.rejects(talk.client.readResource({ uri: 'config://nothing' }), /not found/i);
        },
        async prompts() {
            assert.deepEqual((await talk.client.listPrompts()).prompts.map((prompt) => prompt.name), ['greet']);
            const prompt = await talk.client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } });
            assert.equal(prompt.messages[0].content.text, 'Say something kind to Ada.');
        },
        async progress() {
            const heard = [];
            // The tool ends once we have heard it all: these clients drop progress that is read together with the result.
            const onprogress = (at) => {
                if (heard.push(at) === 3) talk.call({ name: 'go', arguments: {} });
            };
            const result = await talk.call({ name: 'steps', arguments: { count: 3 } }, { onprogress });
            assert.equal(text(result), 'done');
            assert.deepEqual(heard.map((at) => [at.progress, at.total, at.message]),
                [[1, 3, 'step 1'], [2, 3, 'step 2'], [3, 3, 'step 3']]);
        },
        async elicitation() {
            talk.asked.length = 0;
            const result = await talk.call({ name: 'order', arguments: { item: 'tea' } });
            assert.equal(text(result), 'tea to Main St, express');
            assert.equal(talk.asked.length, 1);
            assert.equal(talk.asked[0].message, 'Where to?');
            assert.equal(talk.asked[0].requestedSchema.properties.street.type, 'string');
        },
    };
    for (const [check, body] of Object.entries(checks)) {
        let note = '';
        try {
            await body();
        } catch (error) {
            note = String(error?.message ?? error) || 'failed without a word';
        }
        console.log(JSON.stringify({ check, note }));
    }
}

export const answer = { action: 'accept', content: { street: 'Main St', express: true } };
