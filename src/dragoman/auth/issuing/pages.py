"""The pages that users see: who asks, for what, and where the answer goes. Plain HTML, no script.

Every text of a stranger's is escaped here and nowhere else. The one style sheet is allowed by its digest.
Source: specification, basic/authorization/security-considerations (consent, localhost); CSP Level 3; OWASP XSS.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape
from urllib.parse import urlsplit

from dragoman.ports.site import Page
from dragoman.protocol.discovery import is_loopback, origin_of

_STYLE = (
    "body{font:1.05rem/1.5 system-ui,sans-serif;max-width:34rem;margin:10vh auto;padding:0 1rem;color:#222;"
    "background:#fff}h1{font-size:1.4rem}dt{font-weight:600}dd{margin:0 0 .6rem;overflow-wrap:anywhere}"
    "label{display:block;margin:.6rem 0}input{font:inherit;width:100%;box-sizing:border-box;padding:.4rem}"
    "button{font:inherit;padding:.5rem 1.2rem;margin:1rem .6rem 0 0}.warning{border-left:.3rem solid #c60;"
    "padding:.3rem .8rem}@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}}"
)
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_FRAME = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title}</title><style>{style}</style></head>\n<body><main><h1>{title}</h1>\n{body}\n</main></body></html>\n"
)


def page(title: str, body: str, status: int = 200, forms: Iterable[str] = (), **headers: str) -> Page:
    """Return a page; `body` is HTML, `title` a text. `forms` say where its forms may lead, redirects included."""
    leading = " ".join(forms) or "'none'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {leading}"
    )
    text = _FRAME.format(title=escape(title), style=_STYLE, body=body)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Page(status, text.encode(), headers={"content-security-policy": policy, **fields})


def fault(reason: str, status: int = 400, **headers: str) -> Page:
    """Return the page for a request that leads nowhere, least of all back to whoever made it."""
    text = f"<p>{escape(reason)}</p><p>Nothing was granted. Go back to your program and start again.</p>"
    return page("This did not work", text, status, **headers)


def login(action: str, transaction: str, client: str, wrong: str = "", **headers: str) -> Page:
    """Return the page that asks for name and password."""
    said = f'<p class="warning" role="alert">{escape(wrong)}</p>' if wrong else ""
    body = (
        f"<p>{escape(client)} asks for access. Log in to decide.</p>{said}"
        f'<form method="post" action="{escape(action)}">{_hidden("transaction", transaction)}'
        '<label>Name <input name="name" autocomplete="username" required autofocus></label>'
        '<label>Password <input name="password" type="password" autocomplete="current-password" required></label>'
        "<button>Log in</button></form>"
    )
    return page("Log in", body, 401 if wrong else 200, ["'self'"], **headers)


def consent(
    action: str, transaction: str, shown: Mapping[str, str], *, warned: bool, forms: Iterable[str], cookie: str = ""
) -> Page:
    """Return the page that asks whether a client may; `shown` are lines of it, `warned` that any could be it."""
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in shown.items())
    warning = (
        '<p class="warning"><strong>This client is a program on this computer, and any program here could use its '
        "name.</strong> Allow it only if you have just started it yourself.</p>"
        if warned
        else ""
    )
    body = (
        f"<dl>{lines}</dl>{warning}<p>Allow this only if you asked for it yourself, just now.</p>"
        f'<form method="post" action="{escape(action)}">{_hidden("transaction", transaction)}'
        '<button name="answer" value="allow">Allow</button><button name="answer" value="deny">Refuse</button></form>'
    )
    headers = {"set_cookie": cookie} if cookie else {}
    return page("Allow access?", body, 200, ["'self'", *forms], **headers)


def lines_of(client: str, client_id: str, redirect_uri: str, resource: str, scopes: Iterable[str]) -> dict[str, str]:
    """Return what a user has to see to decide: the redirect host above all (AUTHAS-03)."""
    parts = urlsplit(redirect_uri)
    where = "this computer" if is_loopback(parts.hostname or "") else parts.netloc
    named = urlsplit(client_id).netloc if "://" in client_id else ""
    return {
        "Client (the name it gives itself)": client or "a client without a name",
        **({"Vouched for by": named} if named else {}),
        "The answer goes to": f"{where} ({parts.netloc})" if where != parts.netloc else where,
        "To use": resource,
        "Permissions": ", ".join(scopes) or "none in particular",
    }


def leads_to(redirect_uri: str) -> str:
    """Return the source expression for a redirect address: a browser judges redirects after a form by it, too."""
    return origin_of(redirect_uri)


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'
