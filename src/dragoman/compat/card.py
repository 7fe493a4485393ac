"""The page of `fastmcp.apps.approval` and its kin: shows what a tool's result says in `card`, and tells of the answer.

Promise: texts are shown as texts, and it loads nothing from anywhere. Limit: one look for all.
"""

from __future__ import annotations

URI = "ui://dragoman/card.html"

HTML = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Card</title>
<style>
  body { font: 15px system-ui, sans-serif; margin: 0; padding: 1rem; color-scheme: light dark; }
  h1 { font-size: 1.1rem; margin: 0 0 .5rem; }
  #details { opacity: .75; white-space: pre-wrap; }
  button, input, select, textarea { font: inherit; padding: .4rem .7rem; margin: .2rem .3rem .2rem 0; }
  label { display: block; margin: .4rem 0; }
</style>
<h1 id="title"></h1>
<p id="text"></p>
<p id="details"></p>
<div id="answer"></div>
<ul id="list"></ul>
<script>
  let next = 1;
  const waiting = new Map();
  const $ = (id) => document.getElementById(id);
  const send = (message) => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  const ask = (method, params) => new Promise((resolve, reject) => {
    waiting.set(next, { resolve, reject });
    send({ id: next++, method, params });
  });
  const call = async (name, given) => {
    const result = await ask("tools/call", { name, arguments: given });
    const text = (result.content ?? []).map((block) => block.text ?? "").join("\\n");
    if (result.isError) throw new Error(text);
    return result.structuredContent?.result ?? text;
  };
  const say = (text) => ask("ui/message", { role: "user", content: [{ type: "text", text }] });
  const done = (text) => { $("answer").replaceChildren(text); resized(); };
  const resized = () =>
    send({ method: "ui/notifications/size-changed", params: { height: document.documentElement.scrollHeight } });
  const make = (kind, fields = {}) => Object.assign(document.createElement(kind), fields);

  function button(label, press) {
    const made = make("button", { textContent: label });
    made.addEventListener("click", () => press().catch((error) => done(error.message)));
    return made;
  }

  function field(name, schema, needed) {
    const many = schema.enum ?? schema.anyOf?.find((one) => one.enum)?.enum;
    const kinds = { integer: "number", number: "number", boolean: "checkbox" };
    const formats = { date: "date", password: "password", email: "email" };
    let input;
    if (many) {
      input = make("select");
      input.append(...many.map((one) => make("option", { textContent: one, value: one })));
    } else if (schema.ui?.type === "textarea") input = make("textarea");
    else input = make("input", { type: kinds[schema.type] ?? formats[schema.format] ?? "text" });
    input.name = name;
    input.required = needed && schema.type !== "boolean";
    if (schema.default !== undefined) {
      if (input.type === "checkbox") input.checked = schema.default;
      else input.value = schema.default;
    }
    const label = make("label", { textContent: `${schema.title ?? name} `, title: schema.description ?? "" });
    label.append(input);
    return label;
  }

  function form({ schema, tool, submit, says }) {
    const made = make("form");
    for (const [name, one] of Object.entries(schema.properties ?? {}))
      made.append(field(name, one, (schema.required ?? []).includes(name)));
    made.append(make("button", { textContent: submit }));
    made.addEventListener("submit", async (event) => {
      event.preventDefault();
      const data = {};
      for (const one of made.elements) {
        if (!one.name || (one.value === "" && !one.required)) continue;
        data[one.name] = one.type === "checkbox" ? one.checked : one.type === "number" ? one.valueAsNumber : one.value;
      }
      try {
        const told = await call(tool, { data });
        if (says) await say(String(told));
        done(String(told));
      } catch (error) {
        $("list").replaceChildren(make("li", { textContent: error.message }));
      }
    });
    return made;
  }

  const read = (file) => new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve({
      name: file.name, size: file.size, type: file.type, data: reader.result.slice(reader.result.indexOf(",") + 1),
    });
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });

  function upload({ tool, label, most, stored }) {
    const input = make("input", { type: "file", multiple: true, ariaLabel: label });
    const line = (one) => make("li", { textContent: `${one.name} (${one.size_display})` });
    const list = (files) => $("list").replaceChildren(...files.map(line));
    list(stored);
    return [input, button("Upload", async () => {
      const files = [...input.files];
      const large = files.find((one) => one.size > most);
      if (large) throw new Error(`${large.name} is larger than ${most} bytes`);
      list(await call(tool, { files: await Promise.all(files.map(read)) }));
      input.value = "";
      resized();
    })];
  }

  function show(card) {
    for (const part of ["title", "text", "details"]) $(part).textContent = card[part] ?? "";
    const parts = [];
    for (const one of card.buttons ?? [])
      parts.push(button(one.label, async () => { await say(one.says); done("Response sent."); }));
    if (card.form) parts.push(form(card.form));
    if (card.upload) parts.push(...upload(card.upload));
    $("answer").replaceChildren(...parts);
    resized();
  }

  addEventListener("message", ({ source, data }) => {
    if (source !== parent) return;
    if (data.method === "ui/notifications/tool-result") show(data.params.structuredContent.card);
    if (data.method === "ui/resource-teardown") send({ id: data.id, result: {} });
    if (data.method === undefined && waiting.has(data.id)) {
      const { resolve, reject } = waiting.get(data.id);
      waiting.delete(data.id);
      data.error ? reject(new Error(data.error.message)) : resolve(data.result);
    }
  });
  ask("ui/initialize", {
    protocolVersion: "2026-01-26",
    appInfo: { name: "card", version: "1.0.0" },
    appCapabilities: {},
  }).then(() => send({ method: "ui/notifications/initialized", params: {} }));
</script>
</html>
"""
