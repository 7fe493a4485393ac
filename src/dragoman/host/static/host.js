// The host's side of an app: lists tools, calls them, shows their pages, and answers what the pages ask.
// Source: extension io.modelcontextprotocol/ui, 2026-01-26, "Lifecycle".

const VERSION = "2026-01-26";
const MAX_HEIGHT = 4000; // pixels that a page may ask for
const TEARDOWN = 1000; // milliseconds that a page has to take its leave
const $ = (id) => document.getElementById(id);

// The token came behind the #, which no server sees; it leaves the address bar, and stays in this tab.
if (location.hash.length > 1) {
  sessionStorage.setItem("token", location.hash.slice(1));
  history.replaceState(null, "", "/");
}
const token = sessionStorage.getItem("token") ?? "";

async function ask(path, body = {}) {
  const headers = { "content-type": "application/json", "x-preview-token": token };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
  const answer = await response.json();
  if (answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  return answer.result;
}

function note(text) {
  $("note").textContent = text;
}

function log(who, message) {
  const line = document.createElement("li");
  line.textContent = `${who} ${JSON.stringify(message).slice(0, 500)}`;
  $("log").append(line);
  while ($("log").children.length > 200) $("log").firstChild.remove();
}

// One page on the stage: its frame, and what has been said.
class View {
  constructor(tool, given, sandbox, shown) {
    Object.assign(this, { tool, given, sandbox, shown, ready: false, queue: [], waiting: new Map(), next: 1 });
    this.frame = document.createElement("iframe");
    this.frame.setAttribute("sandbox", "allow-scripts allow-same-origin allow-forms");
    if (shown.allow) this.frame.setAttribute("allow", shown.allow);
    this.frame.title = `App of ${tool.name}`;
    this.hear = (event) => this.heard(event);
    addEventListener("message", this.hear);
    $("stage").className = shown.page.prefersBorder === false ? "" : "bordered";
    this.frame.src = shown.address;
    $("stage").replaceChildren(this.frame);
    this.tell("ui/notifications/tool-input", { arguments: given });
  }

  post(message) {
    log("host →", message);
    this.frame.contentWindow?.postMessage({ jsonrpc: "2.0", ...message }, this.sandbox);
  }

  // Nothing reaches a page before it said that it is ready; what waits goes out in order.
  tell(method, params) {
    if (this.ready) this.post({ method, params });
    else this.queue.push([method, params]);
  }

  heard(event) {
    const message = event.data;
    if (event.source !== this.frame.contentWindow || event.origin !== this.sandbox) return;
    if (typeof message !== "object" || message === null || message.jsonrpc !== "2.0") return;
    log("app →", message);
    if (message.method === undefined) {
      this.waiting.get(message.id)?.(message);
      this.waiting.delete(message.id);
    } else if (message.id === undefined) {
      this.noticed(message.method, message.params ?? {});
    } else {
      this.answer(message);
    }
  }

  noticed(method, params) {
    if (method === "ui/notifications/sandbox-proxy-ready") {
      const { html, page, allow } = this.shown;
      const params = { html, allow, csp: page.csp, permissions: page.permissions };
      this.frame.contentWindow.postMessage(
        { jsonrpc: "2.0", method: "ui/notifications/sandbox-resource-ready", params }, this.sandbox);
    } else if (method === "ui/notifications/initialized") {
      this.ready = true;
      for (const [waiting, given] of this.queue.splice(0)) this.post({ method: waiting, params: given });
    } else if (method === "ui/notifications/size-changed" && params.height > 0) {
      this.frame.style.height = `${Math.min(Math.ceil(params.height), MAX_HEIGHT)}px`;
    }
  }

  async answer({ id, method, params = {} }) {
    const kind = Object.hasOwn(ANSWERS, method) ? ANSWERS[method] : null;
    if (kind === null) return this.post({ id, error: { code: -32601, message: `this host does not know ${method}` } });
    try {
      this.post({ id, result: await kind(params, this) });
    } catch (error) {
      this.post({ id, error: { code: error.code ?? -32000, message: error.message } });
    }
  }

  async close() {
    if (this.ready) {
      const id = this.next++;
      const gone = new Promise((resolve) => this.waiting.set(id, resolve));
      this.post({ id, method: "ui/resource-teardown", params: { reason: "the preview shows something else" } });
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, TEARDOWN))]);
    }
    removeEventListener("message", this.hear);
    this.frame.remove();
  }
}

const ANSWERS = {
  "ui/initialize": (params, view) => ({
    protocolVersion: VERSION,
    hostInfo: { name: "dragoman-preview", version: "1" },
    hostCapabilities: { openLinks: {}, serverTools: {}, serverResources: {}, logging: {} },
    hostContext: {
      toolInfo: { tool: view.tool },
      theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
      displayMode: "inline",
      availableDisplayModes: ["inline"],
      containerDimensions: { width: view.frame.clientWidth, maxHeight: MAX_HEIGHT },
      locale: navigator.language,
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      platform: "web",
    },
  }),
  // Whether the tool is for apps is judged where the tools are known.
  "tools/call": ({ name, arguments: given }) => ask("/api/call", { tool: name, arguments: given ?? {}, by: "app" }),
  "resources/read": ({ uri }) => ask("/api/read", { uri }),
  "ui/open-link": ({ url }) => {
    const link = new URL(url);
    if (!["http:", "https:"].includes(link.protocol)) throw new Error("only http and https links are opened");
    if (!confirm(`The app wants to open ${link.href}`)) throw new Error("the user did not want to");
    open(link.href, "_blank", "noopener,noreferrer");
    return {};
  },
  "ui/message": () => ({}), // there is no conversation here; the log shows what would be in it
  "ui/update-model-context": () => ({}),
  "ui/request-display-mode": () => ({ mode: "inline" }),
  ping: () => ({}),
};

let view = null;
let chosen = null;
let sandbox = "";

function sample(schema) {
  const found = {};
  for (const [name, one] of Object.entries(schema.properties ?? {})) {
    if ("default" in one) found[name] = one.default;
    else if ((schema.required ?? []).includes(name))
      found[name] = one.enum?.[0] ?? { string: "", number: 1, integer: 1, boolean: true, array: [], object: {} }[one.type] ?? null;
  }
  return found;
}

function choose(entry, button) {
  chosen = entry;
  for (const other of document.querySelectorAll("nav button")) other.removeAttribute("aria-current");
  button.setAttribute("aria-current", "true");
  $("name").textContent = entry.tool.title ?? entry.tool.name;
  $("description").textContent = entry.tool.description ?? "";
  $("arguments").value = JSON.stringify(sample(entry.tool.inputSchema), null, 2);
  $("form").hidden = false;
  $("call").disabled = !entry.model;
  note(entry.model ? "" : "Only the app may call this tool.");
}

async function close() {
  const open = view;
  view = null;
  $("close").disabled = true;
  await open?.close();
}

async function call() {
  const { tool, app } = chosen;
  let given;
  try {
    given = JSON.parse($("arguments").value || "{}");
  } catch (error) {
    return note(`These arguments are no JSON: ${error.message}`);
  }
  await close();
  $("log").replaceChildren();
  $("text").textContent = "";
  note("Calling…");
  try {
    if (app) {
      view = new View(tool, given, sandbox, await ask("/api/view", { tool: tool.name }));
      $("close").disabled = false;
    }
    const showing = view;
    try {
      const result = await ask("/api/call", { tool: tool.name, arguments: given });
      $("text").textContent = (result.content ?? []).map((block) => block.text ?? `[${block.type}]`).join("\n");
      showing?.tell("ui/notifications/tool-result", result);
      note(result.isError ? "The tool failed." : "Done.");
    } catch (error) {
      showing?.tell("ui/notifications/tool-cancelled", { reason: error.message });
      throw error;
    }
  } catch (error) {
    note(error.message);
  }
}

async function start() {
  try {
    const found = await ask("/api/tools");
    sandbox = found.sandbox;
    $("server").textContent = document.title = `${found.server?.title ?? found.server?.name ?? "Server"}: apps`;
    for (const entry of found.tools) {
      const button = document.createElement("button");
      const kind = document.createElement("small");
      button.textContent = entry.tool.name;
      kind.textContent = (entry.app ? "app" : "no app") + (entry.model ? "" : ", for apps only");
      button.append(kind);
      button.addEventListener("click", () => choose(entry, button));
      const item = document.createElement("li");
      item.append(button);
      $("tools").append(item);
    }
    note(found.tools.length ? "Choose a tool." : "This server has no tools.");
    [...document.querySelectorAll("nav button")].find((_, at) => found.tools[at].app && found.tools[at].model)?.click();
  } catch (error) {
    note(error.message);
  }
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  call();
});
$("close").addEventListener("click", close);
start();
