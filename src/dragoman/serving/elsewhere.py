"""What is listed here and answered elsewhere: by a mounted server, or by one behind a proxy.

Limit: it is a definition and a handler. Which server that is, and under which name, the handler knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dragoman.late import late
from dragoman.protocol.headers import HeaderRule, SchemaFault, header_rules
from dragoman.wire.tools import Tool

if TYPE_CHECKING:
    from dragoman.ports.service import Handler
    from dragoman.protocol import uri
    from dragoman.wire import resources
else:
    uri, resources = late("dragoman.protocol.uri"), late("dragoman.wire.resources")

NOTHING: frozenset[str] = frozenset()


class Elsewhere:
    """A tool, prompt, resource or template whose calls `answer` takes, and `complete` the completion of arguments.

    `source` is what it was made of, to tell whether it has changed since; `where` says whose it is.
    """

    __slots__ = ("answer", "complete", "definition", "rules", "scopes", "source", "tags", "template", "where")

    def __init__(
        self,
        definition: Any,
        answer: Handler,
        where: str,
        *,
        complete: Handler | None = None,
        scopes: frozenset[str] = NOTHING,
        tags: frozenset[str] = NOTHING,
        source: object = None,
    ) -> None:
        self.definition = definition
        self.answer = answer
        self.where = where
        self.complete = complete
        self.scopes = scopes  # what a caller needs
        self.tags = tags
        self.source = source
        # What HTTP headers repeat is checked where the client is, since nobody further on may know of headers.
        self.rules: tuple[HeaderRule, ...] = rules_in(definition) if isinstance(definition, Tool) else ()
        self.template: uri.Template | None = None
        if isinstance(definition, resources.ResourceTemplate):
            self.template = uri.Template.parse(definition.uri_template)


def rules_in(definition: Tool) -> tuple[HeaderRule, ...]:
    """Return which arguments headers repeat, as somebody else's tool says."""
    try:
        return header_rules(definition.input_schema)
    except SchemaFault:
        return ()  # clients leave such a tool out over HTTP (HTTP-30), and whoever has it has to say so
