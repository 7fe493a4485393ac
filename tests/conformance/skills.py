"""The suite's fixtures of skills: a folder of them, with a nested one and files beside, and a tool with a page."""

from __future__ import annotations

from pathlib import Path

from dragoman import Server

FOLDER = Path(__file__).parent / "skill_files"


def register(server: Server) -> None:
    """Serve all of them."""
    server.add_skills(FOLDER)

    @server.app("ui://conformance/greeting.html", html="<!doctype html><title>Greeting</title><p>Hello.</p>")
    def test_tool_with_page(name: str = "you") -> str:
        """Greet somebody, in a page where there are pages."""
        return f"Hello, {name}."
