"""The client programs: where each keeps its servers, under which key, in which shape. A table, and how it is looked up.

Limit: `certain` says that the client's makers document a place and its format, or that their source was read; only
those are written. docs/design/client-files.md says what each row rests on.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from dragoman.configs import shapes
from dragoman.configs.faults import UnfitError
from dragoman.configs.jsonc import Key
from dragoman.configs.machine import System
from dragoman.configs.shapes import Shape

Scope: TypeAlias = Literal["user", "project"]
ALL: tuple[System, ...] = ("mac", "linux", "windows")
UNIX: tuple[System, ...] = ("mac", "linux")
HERE = "{project}"  # as a key: the path of the project


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A file: `{folder}` and what is below it; `*` in it stands for any name. `key` is where its servers are.

    `wants` is a key that tells this version of the format; a place is only
    right where the file has it. `listed` means a list of tables that have
    names in them.
    """

    path: str
    shape: Shape
    key: tuple[Key, ...] = ("mcpServers",)
    scope: Scope = "user"
    format: Literal["json", "yaml", "toml"] = "json"
    systems: tuple[System, ...] = ALL
    certain: bool = True
    listed: bool = False
    wants: tuple[Key, ...] = ()


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client program. `program` is its command, `traces` are folders by which it is seen to be installed."""

    id: str
    title: str
    places: tuple[Place, ...]
    program: str = ""
    traces: tuple[str, ...] = ()


_CODE = "{config}/Code/User"
_DESKTOP = "claude_desktop_config.json"


def _opencode(path: str, scope: Scope) -> tuple[Place, ...]:
    """Two endings, and two versions of the format: the second keeps its servers one key deeper."""
    deep = ("mcp", "servers")
    return (
        Place(path=f"{path}.json", key=deep, wants=deep, shape=shapes.OPENCODE_2, scope=scope),
        Place(path=f"{path}.json", key=("mcp",), shape=shapes.OPENCODE, scope=scope),
        Place(path=f"{path}.jsonc", key=deep, wants=deep, shape=shapes.OPENCODE_2, scope=scope),
        Place(path=f"{path}.jsonc", key=("mcp",), shape=shapes.OPENCODE, scope=scope),
    )


CLIENTS: tuple[Client, ...] = (
    Client(
        id="claude-desktop",
        title="Claude Desktop",
        traces=("{config}/Claude", "{config}/claude", "{local}/Packages/Claude_*"),
        places=(
            Place(path=f"{{config}}/Claude/{_DESKTOP}", shape=shapes.DESKTOP, systems=("mac", "windows")),
            Place(path=f"{{config}}/Claude/{_DESKTOP}", shape=shapes.DESKTOP, systems=("linux",), certain=False),
            Place(path=f"{{config}}/claude/{_DESKTOP}", shape=shapes.DESKTOP, systems=("linux",), certain=False),
            Place(
                path=f"{{local}}/Packages/Claude_*/LocalCache/Roaming/Claude/{_DESKTOP}",
                shape=shapes.DESKTOP,
                systems=("windows",),
                certain=False,
            ),
        ),
    ),
    Client(
        id="claude-code",
        title="Claude Code",
        program="claude",
        traces=("{CLAUDE_CONFIG_DIR}", "{home}/.claude"),
        places=(
            Place(path="{CLAUDE_CONFIG_DIR}/.claude.json", shape=shapes.CODE),
            Place(path="{home}/.claude.json", shape=shapes.CODE),
            Place(
                path="{home}/.claude.json",
                key=("projects", HERE, "mcpServers"),
                shape=shapes.CODE,
                scope="project",
                certain=False,
            ),
            Place(path="{project}/.mcp.json", shape=shapes.CODE, scope="project"),
        ),
    ),
    Client(
        id="cursor",
        title="Cursor",
        traces=("{home}/.cursor",),
        places=(
            Place(path="{home}/.cursor/mcp.json", shape=shapes.CURSOR),
            Place(path="{project}/.cursor/mcp.json", shape=shapes.CURSOR, scope="project"),
        ),
    ),
    Client(
        id="vscode",
        title="VS Code",
        program="code",
        traces=(_CODE,),
        places=(
            Place(path=f"{_CODE}/mcp.json", key=("servers",), shape=shapes.VSCODE),
            Place(path="{project}/.vscode/mcp.json", key=("servers",), shape=shapes.VSCODE, scope="project"),
        ),
    ),
    Client(
        id="windsurf",
        title="Windsurf",
        traces=("{home}/.codeium/windsurf",),
        places=(
            Place(path="{home}/.codeium/windsurf/mcp_config.json", shape=shapes.WINDSURF),
            Place(path="{home}/.codeium/mcp_config.json", shape=shapes.WINDSURF, certain=False),
        ),
    ),
    Client(
        id="zed",
        title="Zed",
        traces=("{xdg}/zed", "{config}/Zed"),
        places=(
            Place(
                path="{home}/.config/zed/settings.json", key=("context_servers",), shape=shapes.ZED, systems=("mac",)
            ),
            Place(path="{xdg}/zed/settings.json", key=("context_servers",), shape=shapes.ZED, systems=("linux",)),
            Place(path="{config}/Zed/settings.json", key=("context_servers",), shape=shapes.ZED, systems=("windows",)),
            Place(
                path="{config}/Zed/settings.json",
                key=("context_servers",),
                shape=shapes.ZED,
                systems=("mac",),
                certain=False,
            ),
            Place(path="{project}/.zed/settings.json", key=("context_servers",), shape=shapes.ZED, scope="project"),
        ),
    ),
    Client(
        id="jetbrains",
        title="JetBrains (Junie, Air)",
        traces=("{home}/.junie",),
        places=(
            Place(path="{home}/.junie/mcp/mcp.json", shape=shapes.STDIO_ONLY, certain=False),
            Place(path="{project}/.junie/mcp/mcp.json", shape=shapes.STDIO_ONLY, scope="project", certain=False),
            Place(path="{project}/.air/mcp.json", shape=shapes.PLAIN_URL, scope="project", certain=False),
        ),
    ),
    Client(
        id="cline",
        title="Cline",
        program="cline",
        traces=(f"{_CODE}/globalStorage/saoudrizwan.claude-dev", "{home}/.cline"),
        places=(
            Place(
                path=f"{_CODE}/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
                shape=shapes.CLINE,
            ),
            Place(path="{CLINE_DIR}/data/settings/cline_mcp_settings.json", shape=shapes.CLINE, certain=False),
            Place(path="{home}/.cline/data/settings/cline_mcp_settings.json", shape=shapes.CLINE),
        ),
    ),
    Client(
        id="roo-code",
        title="Roo Code",
        traces=(f"{_CODE}/globalStorage/rooveterinaryinc.roo-cline",),
        places=(
            Place(
                path=f"{_CODE}/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
                shape=shapes.ROO,
                certain=False,
            ),
            Place(path="{project}/.roo/mcp.json", shape=shapes.ROO, scope="project"),
        ),
    ),
    Client(
        id="kilo-code",
        title="Kilo Code",
        traces=("{home}/.kilocode",),
        places=(
            Place(path="{home}/.kilocode/cli/global/settings/mcp_settings.json", shape=shapes.ROO, certain=False),
            Place(path="{project}/.kilocode/mcp.json", shape=shapes.ROO, scope="project", certain=False),
        ),
    ),
    Client(
        id="continue",
        title="Continue",
        traces=("{home}/.continue",),
        places=(
            Place(
                path="{home}/.continue/config.yaml", shape=shapes.CONTINUE, format="yaml", listed=True, certain=False
            ),
            Place(
                path="{project}/.continue/mcpServers/*.yaml",
                shape=shapes.CONTINUE,
                scope="project",
                format="yaml",
                listed=True,
                certain=False,
            ),
            Place(path="{project}/.continue/mcpServers/*.json", shape=shapes.PLAIN_URL, scope="project", certain=False),
        ),
    ),
    Client(
        id="gemini-cli",
        title="Gemini CLI",
        program="gemini",
        traces=("{home}/.gemini",),
        places=(
            Place(path="{home}/.gemini/settings.json", shape=shapes.GEMINI),
            Place(path="{project}/.gemini/settings.json", shape=shapes.GEMINI, scope="project"),
        ),
    ),
    Client(
        id="antigravity",
        title="Antigravity",
        traces=("{home}/.gemini/antigravity",),
        places=(Place(path="{home}/.gemini/antigravity/mcp_config.json", shape=shapes.ANTIGRAVITY, certain=False),),
    ),
    Client(
        id="codex",
        title="Codex CLI",
        program="codex",
        traces=("{CODEX_HOME}", "{home}/.codex"),
        places=(
            Place(path="{CODEX_HOME}/config.toml", key=("mcp_servers",), shape=shapes.CODEX, format="toml"),
            Place(path="{home}/.codex/config.toml", key=("mcp_servers",), shape=shapes.CODEX, format="toml"),
            Place(
                path="{project}/.codex/config.toml",
                key=("mcp_servers",),
                shape=shapes.CODEX,
                format="toml",
                scope="project",
                certain=False,
            ),
        ),
    ),
    Client(
        id="goose",
        title="Goose",
        program="goose",
        traces=("{xdg}/goose", "{config}/Block/goose"),
        places=(
            Place(
                path="{home}/.config/goose/config.yaml",
                key=("extensions",),
                shape=shapes.GOOSE,
                format="yaml",
                systems=UNIX,
            ),
            Place(
                path="{config}/Block/goose/config/config.yaml",
                key=("extensions",),
                shape=shapes.GOOSE,
                format="yaml",
                systems=("windows",),
            ),
        ),
    ),
    Client(
        id="lm-studio",
        title="LM Studio",
        traces=("{home}/.lmstudio", "{home}/.cache/lm-studio"),
        places=(
            Place(path="{home}/.lmstudio/mcp.json", shape=shapes.PLAIN_URL),
            Place(path="{home}/.cache/lm-studio/mcp.json", shape=shapes.PLAIN_URL, certain=False),
        ),
    ),
    Client(
        id="amazon-q",
        title="Amazon Q",
        program="q",
        traces=("{home}/.aws/amazonq",),
        places=(
            Place(path="{home}/.aws/amazonq/mcp.json", shape=shapes.PLAIN_URL, certain=False),
            Place(path="{home}/.aws/amazonq/agents/default.json", shape=shapes.PLAIN_URL, certain=False),
            Place(path="{home}/.aws/amazonq/cli-agents/*.json", shape=shapes.PLAIN_URL, certain=False),
        ),
    ),
    Client(
        id="kiro",
        title="Kiro",
        traces=("{home}/.kiro",),
        places=(
            Place(path="{home}/.kiro/settings/mcp.json", shape=shapes.PLAIN_URL, certain=False),
            Place(path="{project}/.kiro/settings/mcp.json", shape=shapes.PLAIN_URL, scope="project", certain=False),
        ),
    ),
    Client(
        id="opencode",
        title="opencode",
        program="opencode",
        traces=("{home}/.config/opencode",),
        places=(
            *_opencode("{home}/.config/opencode/opencode", "user"),
            *_opencode("{project}/opencode", "project"),
        ),
    ),
    Client(
        id="copilot-cli",
        title="Copilot CLI",
        program="copilot",
        traces=("{COPILOT_HOME}", "{home}/.copilot"),
        places=(
            Place(path="{COPILOT_HOME}/mcp-config.json", shape=shapes.COPILOT, certain=False),
            Place(path="{home}/.copilot/mcp-config.json", shape=shapes.COPILOT),
            Place(path="{xdg}/mcp-config.json", shape=shapes.COPILOT, certain=False),
            Place(path="{project}/.github/mcp.json", shape=shapes.COPILOT, scope="project", certain=False),
        ),
    ),
    Client(
        id="warp",
        title="Warp",
        traces=("{home}/.warp",),
        places=(
            Place(path="{home}/.warp/.mcp.json", shape=shapes.WARP, certain=False),
            Place(path="{project}/.warp/.mcp.json", shape=shapes.WARP, scope="project", certain=False),
        ),
    ),
)


def client_named(word: str) -> Client:
    """Return the client called `word`, by its id or title. Raises UnfitError, which lists them all."""
    plain = word.strip().lower().replace(" ", "-")
    for client in CLIENTS:
        if plain in (client.id, client.title.lower().replace(" ", "-")):
            return client
    raise UnfitError(f"there is no client {word!r}; there is {', '.join(client.id for client in CLIENTS)}")
