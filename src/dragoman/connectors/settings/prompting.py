"""Prompts of the owner's, as dragoman.yaml has them: a text with `{names}` of arguments in it.

Only whole names are filled in: no attribute, index or format of Python's is reached from a file.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from dragoman.app.server import Server
from dragoman.connectors.settings.shape import PromptArgument, PromptSettings
from dragoman.connectors.source import SourceError
from dragoman.errors import RegistrationError

_FIELD = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")


def add_owners_prompts(server: Server, prompts: Mapping[str, PromptSettings]) -> None:
    """Offer the prompts.  Raises SourceError for a name in a text that is no argument, and the other way round."""
    for name, prompt in prompts.items():
        used = {found[1] for found in _FIELD.finditer(prompt.text) if found[1]}
        if unused := set(prompt.arguments) - used:
            raise SourceError(f"prompts.{name}.arguments: {sorted(unused)[0]} does not stand in the text")
        known = {one: prompt.arguments.get(one, PromptArgument()) for one in sorted(used)}
        try:
            server.add_prompt(_function(name, prompt, known), name=name, title=prompt.title, description=prompt.about)
        except RegistrationError as fault:
            raise SourceError(f"prompts.{name}: {fault}") from fault


def _function(name: str, prompt: PromptSettings, known: Mapping[str, PromptArgument]) -> Callable[..., str]:
    def fill(**given: str) -> str:
        def value(found: re.Match[str]) -> str:
            return given.get(found[1], "") if found[1] else found[0][0]

        return _FIELD.sub(value, prompt.text)

    # The signature is read once, at registration: arguments and what is said of them come from the file.
    parameters = [
        inspect.Parameter(
            one, inspect.Parameter.KEYWORD_ONLY, annotation=str,
            default=inspect.Parameter.empty if argument.required else "",
        )
        for one, argument in known.items()
    ]  # fmt: skip
    made: Any = fill
    made.__name__ = re.sub(r"\W", "_", name)
    made.__signature__ = inspect.Signature(sorted(parameters, key=lambda one: one.default == ""), return_annotation=str)
    made.__annotations__ = dict.fromkeys(known, str) | {"return": str}
    told = "\n".join(f"    {one}: {argument.about}" for one, argument in known.items() if argument.about)
    made.__doc__ = f"{prompt.about or name}\n\nArgs:\n{told}\n" if told else prompt.about
    return fill
