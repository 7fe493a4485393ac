"""How much work a schema makes of a value, known before any of it is done.

A few references can make a validator run for hours (`allOf` of two references to the same, thirty times over), and none
can be interrupted. So the work is bounded first: by the shape of the schema and the size of the value where that is
enough, else by counting. Counts are upper bounds; one unit is about 50 ns.
"""

from __future__ import annotations

from typing import Any

from dragoman.protocol.schema_graph import Graph, Node, is_list, is_map

MOST = 1_500_000  # units for one value: well under 100 ms
_LOOKS = 20_000  # steps of counting, in Python
_ENDLESS = 10**12
_ROUNDS = 4


class TooCostlyError(ValueError):
    """This value would take too long to check."""


class Costs:
    """The cost of applying one schema to values. Raises ValueError for a schema that applies itself without end."""

    def __init__(self, graph: Graph) -> None:
        self._root = graph.root
        order = _ordered(graph)
        # Of each schema: the units for one value, and for one character of a text, at any level of the value.
        self._width, self._scan = _widest(order, "own"), _widest(order, "scan")

    def of(self, value: Any, data: bytes) -> int:
        """Return an upper bound of what `value` costs, `data` being its JSON, in units. Raises TooCostlyError."""
        root = self._root
        # Before each value stands a comma, or what opens a list or an object; more of them in texts do no harm.
        values = data.count(b",") + data.count(b"[") + data.count(b"{") + 1
        bound = self._width[root] * values + self._scan[root] * len(data) // 5
        return bound if bound <= MOST else _Count().of(root, value)


class _Count:
    """Counts what one value costs: each schema at each place once, however many ways lead there."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], int] = {}
        self._looks = _LOOKS

    def of(self, root: Node, value: Any) -> int:
        try:
            return self._at(root, value)
        except RecursionError:
            raise TooCostlyError from None

    def _at(self, node: Node, value: Any) -> int:
        key = (id(node), id(value))
        known = self._known.get(key)
        if known is not None:
            return known
        self._looks -= 1
        cost = node.own
        for other in node.here:
            cost += self._at(other, value)
        if isinstance(value, str):
            cost += node.scan * len(value) // 5
        elif is_map(value):
            cost += len(value) // 8
            if node.members or node.patterns or node.rest or node.names:
                for name, item in value.items():
                    cost += self._member(node, name, item)
        elif is_list(value):
            cost += len(value) // 8
            for other, item in zip(node.prefix, value, strict=False):
                cost += self._at(other, item)
            for other in node.items:
                self._looks -= len(value)
                for item in value:
                    cost += self._at(other, item)
        if cost > MOST or self._looks < 0:
            raise TooCostlyError
        self._known[key] = cost
        return cost

    def _member(self, node: Node, name: str, item: Any) -> int:
        self._looks -= 1
        if self._looks < 0:
            raise TooCostlyError
        cost = 0
        if node.patterns:
            cost += node.scan * len(name) // 5
        if (member := node.members.get(name)) is not None:
            cost += self._at(member, item)
        for other in (*node.patterns, *node.rest):
            cost += self._at(other, item)
        for other in node.names:
            cost += self._at(other, name)
        return cost


def _ordered(graph: Graph) -> list[Node]:
    """Return all schemas, those that a schema leads to before itself where that is possible.

    Raises ValueError if one applies itself to the same value again: that has no end.
    """
    order: list[Node] = []
    state: dict[Node, int] = {}
    for start in graph.nodes:
        # First along `here` alone, where a way back is a fault.
        path: list[tuple[Node, int]] = [(start, 0)] if start not in state else []
        while path:
            node, at = path.pop()
            state[node] = 1
            if at == len(node.here):
                state[node] = 2
                continue
            path.append((node, at + 1))
            following = node.here[at]
            if state.get(following) == 1:
                raise ValueError(f"it refers to itself without end (at {following.path[:300]})")
            if following not in state:
                path.append((following, 0))
    seen: set[Node] = set()
    for start in graph.nodes:
        stack = [(start, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack += [(other, False) for other in (*node.below(), *node.here) if other not in seen]
    return order


def _widest(order: list[Node], weight: str) -> dict[Node, int]:
    """Return for each schema the most that it costs any one part of a value; `_ENDLESS` where that grows with depth."""
    same: dict[Node, int] = dict.fromkeys(order, 0)
    below: dict[Node, int] = dict.fromkeys(order, 0)
    widest: dict[Node, int] = dict.fromkeys(order, 0)
    for _ in range(_ROUNDS):
        changed = False
        for node in order:
            here = min(getattr(node, weight) + sum(same[other] for other in node.here), _ENDLESS)
            named = max((widest[other] for other in node.members.values()), default=0)
            rest = sum(widest[other] for other in node.rest)
            listed = max((widest[other] for other in node.prefix), default=0)
            parts = max(
                max(named, rest) + sum(widest[other] for other in node.patterns),
                listed + sum(widest[other] for other in node.items),
                sum(widest[other] for other in node.names),
            )
            parts = min(parts + sum(below[other] for other in node.here), _ENDLESS)
            most = max(here, parts)
            changed = changed or (here, parts, most) != (same[node], below[node], widest[node])
            same[node], below[node], widest[node] = here, parts, most
        if not changed:
            return widest
    return dict.fromkeys(order, _ENDLESS)
