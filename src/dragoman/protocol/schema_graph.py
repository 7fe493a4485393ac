"""A JSON Schema as a graph: which schema leads to which, by its keywords and by its references.

References are resolved here, within the schema and nowhere else (2020-12, sections 8.2 and 9; draft-07, section 8.2):
what leads out of it is refused, and nothing is ever fetched. Limit: says nothing of values; schema_cost does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeGuard
from urllib.parse import urljoin

import msgspec

from dragoman.protocol.patterns import late_pattern

MAX_SCHEMAS = 10_000
MAX_STATES = 20_000  # of all patterns of one schema together

_HERE = ("allOf", "anyOf", "oneOf")
_HERE_ONE = ("not", "if", "then", "else")
_ITEMS = ("items", "additionalItems", "contains", "unevaluatedItems")
_REST = ("additionalProperties", "unevaluatedProperties")
_DEFINED = ("$defs", "definitions", "dependentSchemas", "dependencies")
_REPEATED = late_pattern(r"\{(\d{1,6})(?:,(\d{0,6}))?\}")
_CLASS = late_pattern(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.")

Link: TypeAlias = Callable[["Node"], None]


class Place(msgspec.Struct, frozen=True):
    """Where a schema stands: its path, the URI that its references are relative to, and the resource it belongs to."""

    path: str
    base: str
    root: Any


class Node:
    """One schema: what else is applied to the same value (`here`), to its members and items, and what that costs.

    `own` counts comparisons with listed values, `scan` the states of the patterns that read a text. `recalls` says that
    it asks what the schemas in `here` have evaluated.
    """

    __slots__ = ("here", "items", "members", "names", "own", "path", "patterns", "prefix", "recalls", "rest", "scan")

    def __init__(self, path: str) -> None:
        self.path = path
        self.here: list[Node] = []
        self.members: dict[str, Node] = {}
        self.patterns: list[Node] = []
        self.rest: list[Node] = []
        self.names: list[Node] = []
        self.prefix: list[Node] = []
        self.items: list[Node] = []
        self.own = 1
        self.scan = 0
        self.recalls = False

    def below(self) -> list[Node]:
        """Return the schemas that are applied to parts of the value."""
        return [*self.members.values(), *self.patterns, *self.rest, *self.names, *self.prefix, *self.items]


class Graph(msgspec.Struct, frozen=True):
    """All schemas that a value may meet; `root` is applied to the value itself."""

    root: Node
    nodes: list[Node]
    patterns: dict[str, int]
    chooses: bool
    recalls: bool


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Return whether `value` is a JSON array."""
    return isinstance(value, list)


def is_map(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Return whether `value` is a JSON object."""
    return isinstance(value, Mapping)


def graph_of(schema: Any, *, old: bool = False, most: int = MAX_SCHEMAS) -> Graph:
    """Return the graph of a schema that is one; `old` for draft-07, where nothing counts beside a `$ref`.

    Raises ValueError that says which reference leads out of it or nowhere, or that there is too much of it.
    """
    return _Reader(schema, old, most).read()


class _Reader:
    """Reads one schema. What only a reference leads to is read when the reference is."""

    def __init__(self, schema: Any, old: bool, most: int) -> None:
        self._schema = schema
        self._most = most
        self._old = old
        self._nodes: dict[tuple[int, str], Node] = {}
        self._resources: dict[str, Any] = {"": schema}
        self._anchors: dict[tuple[str, str], tuple[Any, Place]] = {}
        self._dynamic: dict[str, list[Node]] = {}
        self._todo: list[tuple[Any, Place]] = []
        self._references: list[tuple[Node, str, Place, bool]] = []
        self._patterns: dict[str, int] = {}
        self._chooses = False

    def read(self) -> Graph:
        root = self._node(self._schema, Place("#", "", self._schema))
        self._walk()
        dynamic: list[tuple[Node, str]] = []
        while self._references:
            references, self._references = self._references, []
            for node, reference, place, is_dynamic in references:
                node.here.append(self._node(*self._found(reference, place)))
                if is_dynamic and not reference.rpartition("#")[2].startswith("/"):
                    dynamic.append((node, reference.rpartition("#")[2]))
            self._walk()
        for node, name in dynamic:
            node.here += [one for one in self._dynamic.get(name, ()) if one not in node.here]
        nodes = list(self._nodes.values())
        return Graph(root, nodes, self._patterns, self._chooses, any(node.recalls for node in nodes))

    def _node(self, schema: Any, place: Place) -> Node:
        place = self._enter(schema, place)
        key = (id(schema), place.base) if is_map(schema) else (id(self), place.path)
        node = self._nodes.get(key)
        if node is None:
            if len(self._nodes) >= self._most:
                raise ValueError(f"it has more than {self._most} schemas")
            node = self._nodes[key] = Node(place.path)
            self._todo.append((schema, place))
        return node

    def _enter(self, schema: Any, place: Place) -> Place:
        """Return the place inside `schema`, which may name itself and so begin a resource of its own."""
        if not is_map(schema) or not isinstance(name := schema.get("$id"), str):
            return place
        if self._old and ("$ref" in schema or name.startswith("#")):
            return place
        base = _joined(place.base, name).removesuffix("#")
        self._resources.setdefault(base, schema)
        return Place(place.path, base, schema)

    def _walk(self) -> None:
        while self._todo:
            schema, place = self._todo.pop()
            if is_map(schema):
                self._link(self._nodes[id(schema), place.base], schema, place)

    def _link(self, node: Node, schema: Mapping[str, Any], place: Place) -> None:
        self._name(node, schema, place)
        for key in ("$ref",) if self._old else ("$ref", "$dynamicRef"):
            if isinstance(reference := schema.get(key), str):
                self._references.append((node, reference, place, key == "$dynamicRef"))
        if self._old and "$ref" in schema:
            for key in ("definitions", "$defs"):
                self._named(schema, key, place, _nowhere)
            return
        self._weigh(node, schema)
        for key in _HERE:
            self._listed(schema, key, place, node.here.append)
        for key in _HERE_ONE:
            self._single(schema, key, place, node.here.append)
        for key in _DEFINED:
            self._named(schema, key, place, node.here.append if key.startswith("depend") else _nowhere)
        self._single(schema, "contentSchema", place, _nowhere)
        self._single(schema, "propertyNames", place, node.names.append)
        self._named(schema, "patternProperties", place, node.patterns.append)
        for name, inner in (_map(schema, "properties")).items():
            node.members[name] = self._node(inner, _step(place, "properties", name))
        for key in _REST:
            self._single(schema, key, place, node.rest.append)
        self._listed(schema, "prefixItems", place, node.prefix.append)
        for key in _ITEMS:
            if key == "items" and is_list(schema.get(key)):
                self._listed(schema, key, place, node.prefix.append)
            else:
                self._single(schema, key, place, node.items.append)

    def _name(self, node: Node, schema: Mapping[str, Any], place: Place) -> None:
        """Note what `schema` can be referred to as, beside its path."""
        for key in ("$anchor", "$dynamicAnchor"):
            if isinstance(name := schema.get(key), str):
                self._anchors.setdefault((place.base, name), (schema, place))
                if key == "$dynamicAnchor":
                    self._dynamic.setdefault(name, []).append(node)
        name = schema.get("$id")
        if self._old and isinstance(name, str) and name.startswith("#"):
            self._anchors.setdefault((place.base, name[1:]), (schema, place))

    def _weigh(self, node: Node, schema: Mapping[str, Any]) -> None:
        for key in ("enum", "required"):
            if is_list(listed := schema.get(key)):
                node.own += len(listed) // 4
        if schema.get("uniqueItems") is True:
            node.own += 64  # what is nested is compared at every level
        node.recalls = "unevaluatedProperties" in schema or "unevaluatedItems" in schema
        self._chooses = self._chooses or "anyOf" in schema or "oneOf" in schema
        for pattern in (schema.get("pattern"), *_map(schema, "patternProperties")):
            if isinstance(pattern, str):
                if pattern not in self._patterns:
                    self._patterns[pattern] = states_of(pattern)
                node.scan += self._patterns[pattern]

    def _single(self, schema: Mapping[str, Any], key: str, place: Place, link: Link) -> None:
        if is_map(schema.get(key)) or isinstance(schema.get(key), bool):
            link(self._node(schema[key], _step(place, key)))

    def _listed(self, schema: Mapping[str, Any], key: str, place: Place, link: Link) -> None:
        if is_list(listed := schema.get(key)):
            for at, inner in enumerate(listed):
                link(self._node(inner, _step(place, key, str(at))))

    def _named(self, schema: Mapping[str, Any], key: str, place: Place, link: Link) -> None:
        for name, inner in _map(schema, key).items():
            if is_map(inner) or isinstance(inner, bool):
                link(self._node(inner, _step(place, key, name)))

    def _found(self, reference: str, place: Place) -> tuple[Any, Place]:
        uri, _, fragment = _joined(place.base, reference).partition("#")
        if uri not in self._resources:
            self._lost(reference, place, "out of this schema, and nothing is fetched")
        root = self._resources[uri]
        if not fragment:
            return root, Place(f"{uri}#", uri, root)
        if not fragment.startswith("/"):
            anchored = self._anchors.get((uri, fragment))
            return anchored or self._lost(reference, place, "nowhere in this schema")
        found: Any = root
        inside = Place(f"{uri}#", uri, root)
        for step in fragment.split("/")[1:]:
            key = re.sub("%([0-9A-Fa-f]{2})", lambda code: chr(int(code[1], 16)), step)
            key = key.replace("~1", "/").replace("~0", "~")
            if is_map(found) and key in found:
                found = found[key]
            elif is_list(found) and key.isdecimal() and len(key) < 9 and int(key) < len(found):
                found = found[int(key)]
            else:
                self._lost(reference, place, "nowhere in this schema")
            inside = self._enter(found, _step(inside, key))
        if not (is_map(found) or isinstance(found, bool)):
            self._lost(reference, place, "to something that is no schema")
        return found, inside

    def _lost(self, reference: str, place: Place, where: str) -> Any:
        raise ValueError(
            f"the reference {reference[:200]!r} leads {where}; put what is meant under $defs (at {place.path[:300]})"
        )


def _nowhere(node: Node) -> None:
    """Link a schema to nothing: it is there to be referred to."""


def _map(schema: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = schema.get(key)
    return found if is_map(found) else {}


def _step(place: Place, *steps: str) -> Place:
    return msgspec.structs.replace(place, path="/".join((place.path, *steps)))


def _joined(base: str, reference: str) -> str:
    # A fragment alone belongs to any base; urljoin knows only of hierarchical ones.
    return base + reference if reference.startswith("#") else urljoin(base, reference)


def states_of(pattern: str) -> int:
    """Return about how many states an automaton of `pattern` has: its characters, times how often each may repeat."""
    if len(pattern) > MAX_STATES:
        return len(pattern)
    groups: list[int] = [0]
    size = last = at = 0
    endless = False  # a class that does not end: no later one does, and to look at each bracket would take a square
    while at < len(pattern):
        found = None if endless and pattern[at] == "[" else _CLASS.match(pattern, at)
        endless = endless or (found is None and pattern[at] == "[")
        if found:
            last, at = 1, found.end()
        elif pattern[at] == "(":
            groups.append(size)
            size, last, at = 0, 0, at + 1
            continue
        elif pattern[at] == ")" and len(groups) > 1:
            last, size, at = size, groups.pop(), at + 1
        elif found := _REPEATED.match(pattern, at):
            most = max(int(found[1]), int(found[2] or 0), 1)
            size, at = min(size + last * (most - 1), 10**9), found.end()
            continue
        else:
            last, at = 1, at + 1
        size += last
    return size + sum(groups) + 1
