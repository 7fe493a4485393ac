// The page in the middle: on an origin of its own, between the host and the server's page, which it holds in a frame
// without any origin. It passes messages on, and nothing else. The policy of this page, made from what the server
// declared, holds for the frame too.
"use strict";

const host = document.querySelector('meta[name="host"]').content;
const OURS = "ui/notifications/sandbox-";
let inner = null;

function show({ html, allow }) {
  if (inner !== null) return; // one page a frame: another view gets another frame, with a policy of its own
  inner = document.createElement("iframe");
  // Without allow-same-origin: the server's page cannot reach into this one, nor into what other views keep.
  inner.setAttribute("sandbox", "allow-scripts allow-forms");
  if (allow) inner.setAttribute("allow", allow);
  inner.srcdoc = html;
  document.body.append(inner);
}

addEventListener("message", (event) => {
  const message = event.data;
  if (typeof message !== "object" || message === null) return;
  if (event.source === window.parent && event.origin === host) {
    if (message.method === OURS + "resource-ready") show(message.params);
    else if (inner !== null) inner.contentWindow.postMessage(message, "*"); // it has no origin that could be named
  } else if (inner !== null && event.source === inner.contentWindow) {
    if (!String(message.method ?? "").startsWith(OURS)) window.parent.postMessage(message, host);
  }
});

window.parent.postMessage({ jsonrpc: "2.0", method: OURS + "proxy-ready", params: {} }, host);
