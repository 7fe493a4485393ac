"""What one caller may see of one source: the owner's rules as patterns of paths, judged before ranking and counting.

What a view does not show does not exist for its caller: not in lists, totals, search, suggestions or error texts.
Promise: `deny` wins, and does not care for case or for how accents are encoded, so that no spelling gets around it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import msgspec

MAX_PATTERN = 500  # characters
MAX_DEEP = 2  # `**` before the last step: each multiplies the ways in which a path can fit
_SIGN = re.compile(r"\*+|\?|\[[^\]/]{1,100}\]|.", re.DOTALL)
_DEEP = "(?:[^/]+/)*"


class View(msgspec.Struct, frozen=True):
    """What one caller may see of one source.

    Both hold patterns of paths within the source, steps separated by "/":
    `*` and `?` stay within a step, `**` goes over any number of them, and a
    pattern for a folder means all that is below it. `allow` empty means
    everything; `deny` wins over it. `who` is the caller, empty for whoever
    started the server: what a source keeps for one caller is no other's.
    `writes` says whether the caller may change what may be changed at all.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    who: str = ""
    writes: bool = True

    @property
    def everything(self) -> bool:
        """True when nothing is restricted: the fast path."""
        return not self.allow and not self.deny

    def sees(self, path: str) -> bool:
        """Tell whether an item at this path exists for the caller."""
        return self.allows(path) and not self.denies(path)

    def allows(self, path: str) -> bool:
        """Tell whether `allow` covers the path, whatever `deny` says."""
        return not self.allow or _compiled(self.allow, False).fullmatch(path) is not None

    def denies(self, path: str) -> bool:
        """Tell whether `deny` covers the path."""
        return bool(self.deny) and _compiled(self.deny, True).fullmatch(_folded(path)) is not None

    def enters(self, folder: str) -> bool:
        """Tell whether something below this folder may be seen: False spares a walk into it, True promises nothing."""
        folder = folder.strip("/")
        if not folder or self.everything:
            return True
        if self.denies(folder):
            return False
        return not self.allow or any(_leads(pattern, folder) for pattern in self.allow)


ALL = View()


def complaint_about(pattern: str) -> str:
    """Return what is wrong with a pattern, nothing if it is fine."""
    if not pattern.strip("/"):
        return "a pattern names a path, such as reports/** or orders"
    if len(pattern) > MAX_PATTERN:
        return f"a pattern has at most {MAX_PATTERN} characters"
    if ".." in pattern.split("/") or "\x00" in pattern or "\\" in pattern:
        return "a pattern is a path within the source, with / between its steps and no .. in it"
    if pattern.strip("/").removesuffix("/**").split("/").count("**") > MAX_DEEP:
        return f"a pattern has at most {MAX_DEEP} steps of ** before its end"
    return ""


def matches(pattern: str, path: str) -> bool:
    """Tell whether one pattern covers the path: what `find` and search filters ask."""
    return _compiled((pattern,), False).fullmatch(path) is not None


@lru_cache(maxsize=1_000)
def _compiled(patterns: tuple[str, ...], folded: bool) -> re.Pattern[str]:
    texts = [_expression(_folded(pattern) if folded else pattern) for pattern in patterns]
    return re.compile("|".join(f"(?:{text})" for text in texts), re.DOTALL)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _expression(pattern: str) -> str:
    """Return the pattern as a regular expression whose work grows with the path's length and depth only."""
    steps = [step for step in pattern.split("/") if step] or ["**"]
    if len(steps) > 1 and steps[-1] == "**":
        del steps[-1]  # a folder means all below it anyway
    found = "".join(_DEEP if step == "**" else _step(step) + "/" for step in steps[:-1])
    return found + (".*" if steps[-1] == "**" else _step(steps[-1]) + "(?:/.*)?")


def _step(step: str) -> str:
    """Return one step's expression: of each fixed stretch but the last, the first place is as good as any."""
    stretches = [""]
    for sign in _SIGN.findall(step):
        if sign[0] == "*":
            stretches.append("")
        elif sign == "?":
            stretches[-1] += "[^/]"
        else:
            stretches[-1] += _class(sign) if len(sign) > 1 else re.escape(sign)
    first, *rest = stretches
    if not rest:
        return first
    return first + "".join(f"(?>[^/]*?{stretch})" for stretch in rest[:-1]) + f"[^/]*{rest[-1]}(?=/|$)"


def _class(step: str) -> str:
    inner = re.sub(r"[\\\[&|~]", r"\\\g<0>", step[1:-1])
    inner = f"^/{inner[1:]}" if inner[:1] in "!^" and len(inner) > 1 else inner.replace("^", r"\^")
    try:
        re.compile(f"[{inner}]")
    except re.error:
        return re.escape(step)
    return f"[{inner}]"


def _leads(pattern: str, folder: str) -> bool:
    """Tell whether a pattern could cover something below the folder, or the folder itself."""
    for want, step in zip(pattern.strip("/").split("/"), folder.split("/"), strict=False):
        if want == "**":
            return True
        if not matches(want, step):
            return False
    return True
