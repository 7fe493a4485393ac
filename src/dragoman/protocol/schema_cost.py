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
        self._recalls = graph.recalls
        order = _ordered(graph)
        # Of each schema: the units for one value, and for one character of a text, at any level of the value.
        self._width, self._scan = _widest(order, "own", graph.recalls), _widest(order, "scan", graph.recalls)

    def of(self, value: Any, data: bytes) -> int:
        """Return an upper bound of what `value` costs, `data` being its JSON, in units. Raises TooCostlyError."""
        root = self._root
        # Before each value stands a comma, or what opens a list or an object; more of them in texts do no harm.
        values = data.count(b",") + data.count(b"[") + data.count(b"{") + 1
        bound = self._width[root] * values + self._scan[root] * len(data) // 5
        return bound if bound <= MOST else _Count(self._recalls).of(root, value)


class _Count:
    """Counts what one value costs: each schema at each place once, however many ways lead there."""

    def __init__(self, recalls: bool) -> None:
        self._recalls = recalls
        self._known: dict[tuple[int, int], int] = {}
        self._recalled: dict[tuple[int, int], int] = {}
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
        cost = self._own(node, value) + (self._recall(node, value) if node.recalls else 0)
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

    def _own(self, node: Node, value: Any) -> int:
        # Where schemas ask what others have evaluated, each part of the value is noted each time.
        return node.own * (len(value) + 1) if self._recalls and (is_map(value) or is_list(value)) else node.own

    def _recall(self, node: Node, value: Any) -> int:
        """Return what it costs to find out what `node` has evaluated: all in `here` is checked again, and asked too."""
        key = (id(node), id(value))
        known = self._recalled.get(key)
        if known is None:
            self._looks -= 1
            known = self._own(node, value)
            for other in node.here:
                known += self._at(other, value) + self._recall(other, value)
            if known > MOST or self._looks < 0:
                raise TooCostlyError
            self._recalled[key] = known
        return known

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


def _widest(order: list[Node], weight: str, recalls: bool) -> dict[Node, int]:
    """Return for each schema the most that it costs any one part of a value; `_ENDLESS` where that grows with depth."""
    tallies = {node: _Tally() for node in order}
    for _ in range(_ROUNDS):
        changed = False
        for node in order:
            changed = _tallied(node, tallies, getattr(node, weight), recalls) or changed
        if not changed:
            return {node: tally.widest for node, tally in tallies.items()}
    return dict.fromkeys(order, _ENDLESS)


class _Tally:
    """What one schema costs: the value itself, any one part of it; and what it costs to ask what was evaluated."""

    __slots__ = ("below", "recalled", "recalled_below", "same", "widest")

    def __init__(self) -> None:
        self.same = self.below = self.recalled = self.recalled_below = self.widest = 0


def _tallied(node: Node, tallies: dict[Node, _Tally], weight: int, recalls: bool) -> bool:
    """Bring the tally of one schema up to date; returns whether it changed."""
    here = [tallies[other] for other in node.here]
    named = max((tallies[other].widest for other in node.members.values()), default=0)
    listed = max((tallies[other].widest for other in node.prefix), default=0)
    below = max(
        max(named, _sum(node.rest, tallies)) + _sum(node.patterns, tallies),
        listed + _sum(node.items, tallies),
        _sum(node.names, tallies),
    )
    recalled = min(weight + sum(one.same + one.recalled for one in here), _ENDLESS)
    recalled_below = min(sum(one.below + one.recalled_below for one in here), _ENDLESS)
    same = weight + sum(one.same for one in here) + (recalled if node.recalls else 0)
    below += sum(one.below for one in here) + (recalled_below if node.recalls else 0)
    if recalls:
        below += same  # each part is looked for in what was evaluated
    same, below = min(same, _ENDLESS), min(below, _ENDLESS)
    tally = tallies[node]
    changed = (same, below) != (tally.same, tally.below)
    tally.same, tally.below, tally.widest = same, below, max(same, below)
    tally.recalled, tally.recalled_below = recalled, recalled_below
    return changed


def _sum(nodes: list[Node], tallies: dict[Node, _Tally]) -> int:
    return sum(tallies[node].widest for node in nodes)
