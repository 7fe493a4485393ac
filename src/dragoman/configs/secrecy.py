"""What looks like a secret, and what stands for it wherever it is shown or copied to.

Limit: a secret that looks like nothing cannot be told from other text; names decide first, then well-known shapes.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, cast

import msgspec

from dragoman.configs.entry import Entry
from dragoman.configs.values import Piece, Ref, Value, references

HIDDEN = "***"
_NAMED = re.compile(
    r"(^|[_\-])(key|apikey|token|secret|password|passwd|passphrase|pwd|pat|credentials?|auth|authorization|cookie|"
    r"signature|dsn)($|[_\-])|apikey|authtoken|accesstoken",
    re.IGNORECASE,
)
_SHAPED = re.compile(
    r"\b(sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|"
    r"AIza[\w-]{30,}|npm_\w{30,}|hf_\w{20,})"
    # Tried once in a run of such signs, not at each `eyJ` within it.
    r"|(?<![\w-])(?:[\w-]{0,40}?-)?eyJ[\w-]{10,}+\.[\w-]{10,}+\.[\w-]*"
)
_USERINFO = re.compile(r"(?<=://)[^/@\s:]+:[^/@\s]+(?=@)")
_QUERY = re.compile(r"(?<=[?&])([\w-]+)=([^&#\s\"']+)")
_FLAG = re.compile(r"--?([\w-]+)(?:=(.+))?", re.DOTALL)
_SCHEME = re.compile(r"(?:Bearer|Basic|Token)\s+", re.IGNORECASE)


def named_secret(name: str) -> bool:
    """Say whether a variable, header or option called `name` holds a secret."""
    return _NAMED.search(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)) is not None


def variable(*words: str) -> str:
    """Return the name of an environment variable made of `words`."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(words)).strip("_").upper()
    return name if name[:1].isalpha() else f"MCP_{name}"


class Moved(NamedTuple):
    """A secret that stays where it is: `slot` is where in the entry it was, `name` the variable that stands for it.

    No name: nothing stands for it, since only its client knows the key.
    """

    slot: str
    name: str


def without_secrets(entry: Entry) -> tuple[Entry, list[Moved]]:
    """Return `entry` with a reference to the environment in place of each secret, and what was replaced."""
    moved: list[Moved] = []

    def swap(slot: str, value: Value, name: str, secret: bool) -> Value:
        new = _referred(value, name, secret)
        if new != value:
            moved.append(Moved(slot, name))
        return new

    env = {n: swap(f"env {n}", v, variable(n), named_secret(n)) for n, v in entry.env.items()}
    headers = {n: swap(f"header {n}", v, variable(entry.name, n), named_secret(n)) for n, v in entry.headers.items()}
    url = swap("url", entry.url, variable(entry.name, "token"), False)
    args: list[Value] = []
    before = ""
    for number, value in enumerate(entry.args):
        word = value[0] if value and isinstance(value[0], str) else ""
        flag = _FLAG.fullmatch(word) if word.startswith("-") else None
        name = flag[1] if flag else before
        secret = bool(name) and named_secret(name) and (flag is None or flag[2] is not None)
        args.append(
            swap(f"argument {number + 1}", value, variable(entry.name, name if named_secret(name) else "token"), secret)
        )
        before = flag[1] if flag and flag[2] is None else ""
    extra = _without(entry.extra, moved, 0)
    changed = msgspec.structs.replace(entry, env=env, headers=headers, url=url, args=tuple(args), extra=extra)
    return changed, moved


def _without(table: dict[str, Any], moved: list[Moved], depth: int) -> dict[str, Any]:
    """Return what is only the client's without the texts in it that are named or look like secrets."""
    kept: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict) and depth < 8:
            kept[name] = _without(cast("dict[str, Any]", value), moved, depth + 1)
        elif isinstance(value, str) and (named_secret(name) or _SHAPED.search(value)):
            moved.append(Moved(f"key {name}", ""))
        else:
            kept[name] = value
    return kept


def _referred(value: Value, name: str, secret: bool) -> Value:
    """Return `value` with references where it holds secrets; all of it is one if `secret`, but for a scheme or flag."""
    if references(value) or not value:
        return value
    text = str(value[0])
    if secret:
        scheme = _SCHEME.match(text)
        start = scheme.end() if scheme else text.index("=") + 1 if text.startswith("-") and "=" in text else 0
        return _pieces(text, start, len(text), name)
    if (found := _SHAPED.search(text)) or (found := _USERINFO.search(text)):
        return _pieces(text, found.start(), found.end(), name)
    for query in _QUERY.finditer(text):
        if named_secret(query[1]):
            return _pieces(text, query.start(2), query.end(2), name)
    return value


def _pieces(text: str, start: int, end: int, name: str) -> Value:
    pieces: list[Piece] = [text[:start], Ref("env", name), text[end:]]
    return tuple(piece for piece in pieces if piece != "")


def masked(entry: Entry) -> Entry:
    """Return `entry` to show: each secret in it is `***`. What it shows cannot be used."""
    safe, moved = without_secrets(entry)
    names = {one.name for one in moved}

    def hide(value: Value) -> Value:
        found: list[Piece] = []
        for piece in value:
            text = HIDDEN if isinstance(piece, Ref) and piece.kind == "env" and piece.name in names else piece
            if isinstance(text, str) and found and isinstance(found[-1], str):
                found[-1] += text
            else:
                found.append(text)
        return tuple(found)

    return msgspec.structs.replace(
        safe,
        env={n: hide(v) if f"env {n}" in {m.slot for m in moved} else v for n, v in safe.env.items()},
        headers={n: hide(v) if f"header {n}" in {m.slot for m in moved} else v for n, v in safe.headers.items()},
        url=hide(safe.url),
        args=tuple(hide(value) for value in safe.args),
    )


def masked_line(line: str) -> str:
    """Return a line of a configuration file with what looks like a secret in it hidden."""
    line = _SHAPED.sub(HIDDEN, line)
    line = _USERINFO.sub(HIDDEN, line)
    line = _QUERY.sub(lambda found: f"{found[1]}={HIDDEN}" if named_secret(found[1]) else found[0], line)
    return _MEMBER.sub(_masked_member, line)


_NAMES = re.compile(r"env_(vars?|keys|http_headers)$")  # keys under which names of variables stand, no values
_MEMBER = re.compile(
    r"""(?<![\w-])(?P<name>[\w-]++)(?P<mid>["']?\s*+[:=]\s*+)(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'{\[,][^,}]*)"""
)


def _masked_member(found: re.Match[str]) -> str:
    value = found["value"].strip("\"'")
    if (
        not named_secret(found["name"])
        or _NAMES.search(found["name"])
        or re.search(r"\{[^{}]*\}|^\$\w+$|^(env|secret):", value)
        or value in {"true", "false", "null"}
    ):
        return found[0]
    return f'{found["name"]}{found["mid"]}"{HIDDEN}"'
