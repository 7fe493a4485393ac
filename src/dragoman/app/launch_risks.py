"""What a command does beyond starting the program that it names: code in its arguments, loaders in its environment.

Promise: only words are read, nothing is looked up or started.
Limit: a list of known forms. A form that is not on it is shown to the owner in full, as every command is.
Source: threats 8 and 10; CVE-2026-40933 (`npx -c` past a list of allowed programs).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

_SHELLS = {"sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "csh", "tcsh", "busybox"}
_WINDOWS = {"cmd", "powershell", "pwsh"}
# Interpreters, with the options after which code stands, or a module that is loaded first.
_SHORT_C = re.compile(r"-[A-Za-z]*c")
_SHORT_WINDOWS = re.compile(r"/[ck].*|-[ce].*", re.IGNORECASE)
_CODE: dict[str, re.Pattern[str]] = {
    "python": re.compile(r"-[A-Za-z]*c.*"),
    "pypy": re.compile(r"-[A-Za-z]*c.*"),
    "node": re.compile(r"-[ep].*|-pe|--eval(=.*)?|--print(=.*)?|-r|--require(=.*)?|--import(=.*)?|--loader(=.*)?"),
    "bun": re.compile(r"-[ep].*|--eval(=.*)?|--print(=.*)?|-r|--preload(=.*)?"),
    "deno": re.compile(r"eval|-A|--allow-all|--allow-run.*|https?:.*"),
    "ruby": re.compile(r"-[A-Za-z]*[er].*"),
    "perl": re.compile(r"-[A-Za-z]*[eEM].*"),
    "php": re.compile(r"-[rd].*"),
    "lua": re.compile(r"-[el].*"),
    "osascript": re.compile(r"-e"),
    "awk": re.compile(r".*system\(.*"),
    "ssh": re.compile(r"-o.*|(?i:.*proxycommand.*)"),
}
_FETCHERS = {"npx", "npm", "pnpm", "yarn", "bunx", "uvx", "uv", "pipx", "pip", "go", "cargo"}
_ELSEWHERE = re.compile(r"(--[a-z-]+=)?((git|hg|svn|bzr)\+|git:|github:|gitlab:|https?:|ssh:|file:|git@).*", re.I)
_CALLS = re.compile(r"-c|--call(=.*)?")
_SOURCES = re.compile(r"--(registry|index-url|default-index|extra-index-url|index|find-links)(=.*)?|-i|-f")
_CONTAINERS = {"docker", "podman", "nerdctl"}
_UNBOUND = re.compile(
    r"--privileged(=true)?|--cap-add.*|--device.*|--security-opt.*|--volumes-from.*|"
    r"--(net|network|pid|ipc|uts|userns|cgroupns)(=host.*)?"
)
_MOUNTS = re.compile(r"(?:-v|--volume|--mount)=?(.*)")
_WIDE = re.compile(
    r"/|/(etc|root|home|Users|var|usr|boot|proc|sys|dev|run)(/[^/]*)?/?|.*docker\.sock|~.*|\$HOME.*|[A-Za-z]:[\\/]*"
)
_AS_ANOTHER = {"sudo", "doas", "su", "pkexec", "runas", "chroot", "nsenter"}
_LOADERS = re.compile(
    r"LD_.*|DYLD_.*|GCONV_PATH|NODE_OPTIONS|NODE_PATH|NODE_EXTRA_CA_CERTS|PYTHON(STARTUP|PATH|HOME|BREAKPOINT|INSPECT|USERBASE)|"
    r"PERL5(OPT|LIB|DB)|PERLLIB|RUBY(OPT|LIB)|BASH_ENV|ENV|SHELLOPTS|BASH_FUNC_.*|PROMPT_COMMAND|PATH|IFS|"
    r"(_|JDK_)?JAVA_(TOOL_)?OPTIONS|GIT_(SSH|SSH_COMMAND|EXEC_PATH|ASKPASS|CONFIG.*|EXTERNAL_DIFF|PAGER)|PAGER|EDITOR|"
    r"NPM_CONFIG_.*|PIP_.*|UV_.*|DENO_.*|BUN_.*|DOTNET_STARTUP_HOOKS|CLASSPATH|LUA_.*|PHP(RC|_INI_SCAN_DIR)",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")


def risks(words: Sequence[str], env: Iterable[str]) -> tuple[str, ...]:
    """Return what of a command needs an approval of its own, each as words for its owner; () for the usual forms."""
    found = [f"the variable {name} makes programs load other code" for name in env if is_loader(name)]
    for place, word in enumerate(words):
        # Behind `env`, `timeout`, `uv run` and the like stands the program that is meant: each word is taken for one.
        found += _of(_program(word), words[place + 1 :])
    return tuple(dict.fromkeys(found))


def is_loader(name: str) -> bool:
    """Say whether a variable of that name changes which code a program runs."""
    return _LOADERS.fullmatch(name) is not None


def loaders(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables whose values are as good as code."""
    return {name: value for name, value in env.items() if is_loader(name)}


def _program(word: str) -> str:
    name = re.split(r"[\\/]", word)[-1].lower().removesuffix(".exe").removesuffix(".cmd")
    return re.sub(r"(?<=[a-z])[\d.]+[a-z]?$", "", name)  # python3.11 is python


def _of(program: str, rest: Sequence[str]) -> Iterator[str]:
    inline = _SHORT_C if program in _SHELLS else _SHORT_WINDOWS if program in _WINDOWS else None
    if inline is not None and any(inline.fullmatch(word) for word in rest):
        yield f"{program} runs a command line that stands in the arguments"
    elif program in _CODE and any(_CODE[program].fullmatch(word) for word in rest):
        yield f"{program} runs code that stands in the arguments, or loads some first"
    elif program in _FETCHERS:
        yield from _fetched(program, rest)
    elif program in _CONTAINERS:
        yield from _contained(program, rest)
    elif program in _AS_ANOTHER:
        yield f"{program} runs it as another user, or elsewhere"
    elif program in {"env", "eval", "exec"}:
        names = [match[1] for word in rest if (match := _ASSIGNED.match(word))]
        yield from (f"the variable {name} makes programs load other code" for name in names if is_loader(name))
        if any(re.fullmatch(r"-[A-Za-z]*S.*|--split-string.*", word) for word in rest):
            yield f"{program} runs a command line that stands in the arguments"


def _fetched(program: str, rest: Sequence[str]) -> Iterator[str]:
    if any(_CALLS.fullmatch(word) for word in rest):
        yield f"{program} runs a command line that stands in the arguments"
    if any(_ELSEWHERE.fullmatch(word) for word in rest):
        yield f"{program} runs a package from an address, not from the registry"
    if any(_SOURCES.fullmatch(word) for word in rest):
        yield f"{program} takes packages from a registry that the arguments name"


def _contained(program: str, rest: Sequence[str]) -> Iterator[str]:
    words = [*rest, ""]
    for word, following in pairwise(words):
        unbound = _UNBOUND.fullmatch(word)
        if unbound and ("=host" in word or (not unbound[1] and not unbound[2]) or following.startswith("host")):
            yield f"{program} gives the container {word}"
        mount = _MOUNTS.fullmatch(word)
        if mount:
            given = mount[1] or following
            source = re.search(r"(?:source|src)=([^,]*)", given)
            if _WIDE.fullmatch(source[1] if source else given.partition(":")[0]):
                yield f"{program} shows the container a large part of this machine"
