"""Matching a URI against an RFC 6570 template, in time linear in the URI whatever it holds.

A backtracking expression is how CVE-2026-0621 came about.  Here sets of positions are the bits of an integer,
and one step of the template moves all of them at once.
What a value may look like is limited: see `Matcher.match`.
"""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

import msgspec

from dragoman.protocol.patterns import late_pattern
from dragoman.protocol.uri_grammar import RESERVED, SUB_DELIMS, UNRESERVED, Expression, Part, Variable

Values = dict[str, str | list[str]]

_SEGMENT = UNRESERVED + "%" + SUB_DELIMS + ":@"  # pchar of RFC 3986: what one path segment may hold
_QUERY = _SEGMENT + "/?"
_ANY = UNRESERVED + "%" + RESERVED

_BAD_TRIPLET = late_pattern("%(?![0-9A-Fa-f]{2})")
_TRIPLET = late_pattern("%[0-9A-Fa-f]{2}")
_ASCII = "".join(map(chr, range(128)))


class _Literal(msgspec.Struct, frozen=True):
    """These characters, in this order."""

    text: bytes
    tables: tuple[bytes, ...]  # one for each character


class _Run(msgspec.Struct, frozen=True):
    """As many characters of one class as can be had, `least` or more; a capture."""

    table: bytes  # translates a text into "1" where a character is of the class, "0" elsewhere
    least: int
    expression: Expression
    which: int  # the variable's number in the expression; a named expression is one run for all of them


class _Optional(msgspec.Struct, frozen=True):
    """Go on with the next step, or skip to step number `skip`."""

    skip: int


_Step = _Literal | _Run | _Optional


class Matcher:
    """A template compiled for matching; `match` may be called any number of times."""

    def __init__(self, parts: tuple[Part, ...]) -> None:
        # Nearly every template begins and ends with text: comparing that first settles most URIs.
        self._head = self._tail = b""
        joined = _joined(parts)
        if joined and isinstance(first := joined[0], str):
            self._head = _normal(first)
            del joined[0]
        if joined and isinstance(last := joined[-1], str):
            self._tail = _normal(last)
            del joined[-1]
        self._steps = _compile(joined)
        self._tables = {step.table for step in self._steps if isinstance(step, _Run)}
        self._tables |= {table for step in self._steps if isinstance(step, _Literal) for table in step.tables}

    def match(self, uri: str, *, guard: bool) -> Values | None:
        """Return the variables' values, or None.  See `Template.match` for the rules."""
        try:
            text = _normal(uri)
        except UnicodeEncodeError:
            return None
        head, tail = self._head, self._tail
        if len(text) < len(head) + len(tail) or not (text.startswith(head) and text.endswith(tail)):
            return None
        captures = self._captures(text[len(head) : len(text) - len(tail)])
        if captures is None:
            return None
        found = _Found(guard)
        if all(found.add(run, raw) for run, raw in captures) and found.settle():
            return found.values
        return None

    def _captures(self, text: bytes) -> list[tuple[_Run, str]] | None:
        """Return what each run holds, or None when the text does not fit.

        A set of positions is an integer: bit n stands for "n characters are left".  `reachable` says, for each step,
        from where the rest of the template can reach the end of the text; it is built from the last step to the
        first.  One walk forward then takes for each run the longest stretch that still leads to the end.  Nothing is
        ever tried twice.
        """
        masks = {table: _mask(text, table) for table in self._tables}
        reachable = self._reachable(text, masks)
        left = len(text)
        if not reachable[0] >> left & 1:
            return None
        captures: list[tuple[_Run, str]] = []
        number = 0
        while number < len(self._steps):
            step = self._steps[number]
            number += 1
            if isinstance(step, _Literal):
                left -= len(step.text)
            elif isinstance(step, _Optional):
                if not reachable[number] >> left & 1:
                    number = step.skip
            else:
                after = _longest(masks[step.table], left, step.least, self._goals(reachable, number))
                captures.append((step, text[len(text) - left : len(text) - after].decode("ascii")))
                left = after
        return captures

    def _goals(self, reachable: list[int], number: int) -> list[int]:
        """Where a run may end, best first: `{name}{.ext}` should find an extension if there is one."""
        if number < len(self._steps) and isinstance(self._steps[number], _Optional):
            return [reachable[number + 1], reachable[number]]
        return [reachable[number]]

    def _reachable(self, text: bytes, masks: dict[bytes, int]) -> list[int]:
        percent = _mask(text, _PERCENT)
        whole = ~(percent | percent >> 1)  # no step may begin or end inside a triplet
        sets = [0] * len(self._steps) + [1]
        for number in range(len(self._steps) - 1, -1, -1):
            step, here = self._steps[number], sets[number + 1]
            if isinstance(step, _Optional):
                here |= sets[step.skip]
            elif isinstance(step, _Literal):
                for table in reversed(step.tables):
                    here = (here & masks[table]) << 1
            else:
                allowed = masks[step.table]
                if step.least:
                    here = (here & allowed) << 1
                # The carry of one addition runs through each stretch of allowed characters to its end.
                here |= ((here & allowed) + allowed) ^ allowed
            sets[number] = here & whole
        return sets


def _longest(allowed: int, left: int, least: int, goals: list[int]) -> int:
    """Return how many characters are left after the longest run that ends in the first goal it can reach."""
    below = (1 << left) - 1
    stop = ((allowed & below) ^ below).bit_length()  # no run passes the first character that is not allowed
    window = ((1 << (left - least + 1)) - 1) >> stop << stop
    reached = next(ends for goal in goals if (ends := goal & window))
    return (reached & -reached).bit_length() - 1


def _mask(text: bytes, table: bytes) -> int:
    """Return a set with bit n when the character before which n + 1 are left is in the table."""
    return int(b"0" + text.translate(table), 2)


def _table(characters: str) -> bytes:
    return bytes(0x31 if chr(byte) in characters else 0x30 for byte in range(256))


_PERCENT = _table("%")


def _normal(uri: str) -> bytes:
    """Return the URI in ASCII, triplets in upper case: an IRI written by hand should match as its URI would.

    Raises UnicodeEncodeError for a lone surrogate, which no URI can stand for.
    """
    if not uri.isascii():
        uri = quote(uri, safe=_ASCII)
    if "%" in uri:
        uri = _TRIPLET.sub(lambda found: found[0].upper(), uri)
    return uri.encode("ascii")


def _joined(parts: tuple[Part, ...]) -> list[Part]:
    """Return the parts with `{?a}{&b}` read as `{?a,b}`: one query, whose variables come in any order."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else ""
        if (
            isinstance(last, Expression)
            and isinstance(part, Expression)
            and part.symbol == "&" == last.operator.separator
        ):
            joined[-1] = msgspec.structs.replace(last, variables=last.variables + part.variables)
        else:
            joined.append(part)
    return joined


def _compile(parts: list[Part]) -> list[_Step]:
    later = ""  # what expressions further on begin with: "?" and "#" are not for a `{+path}` before them
    programs: list[list[_Step]] = []
    for part in reversed(parts):
        if isinstance(part, str):
            programs.append([_literal(_normal(part).decode())])
        else:
            programs.append(_program(part, later))
            later += part.operator.first
    steps: list[_Step] = []
    for program in reversed(programs):
        offset = len(steps)
        steps += [_Optional(step.skip + offset) if isinstance(step, _Optional) else step for step in program]
    return steps


def _program(expression: Expression, later: str) -> list[_Step]:
    operator, count = expression.operator, len(expression.variables)
    if operator.named:
        allowed = _table(_SEGMENT if expression.symbol == ";" else _QUERY)
        return [_Optional(3), _literal(operator.first), _Run(allowed, 0, expression, 0)]
    end = 3 * count if operator.first else 3 * count - 2
    steps: list[_Step] = []
    for number, variable in enumerate(expression.variables):
        characters = set(_ANY) - (set(later) & {"?", "#"}) if operator.reserved else set(_SEGMENT)
        if variable.explode:
            characters.add(operator.separator)
        elif count > 1:
            characters.discard(operator.separator)
        before = operator.separator if number else operator.first
        if before:
            steps += [_Optional(end), _literal(before)]
        # An empty value is one only behind something that announces it.
        steps.append(_Run(_table("".join(characters)), 0 if before else 1, expression, number))
    return steps


def _literal(text: str) -> _Literal:
    return _Literal(text.encode(), tuple(_table(character) for character in text))


class _Found:
    """The values found so far: decoded once, and judged before anyone may use them."""

    def __init__(self, guard: bool) -> None:
        self.values: Values = {}
        self._guard = guard
        self._prefixes: list[tuple[str, str]] = []

    def add(self, run: _Run, raw: str) -> bool:
        """Take in what a run holds.  False when it cannot be a value, or contradicts an earlier one."""
        expression = run.expression
        if expression.operator.named:
            return self._add_named(expression, raw)
        variable = expression.variables[run.which]
        if not variable.explode:
            value = self._decode(expression, raw)
            return value is not None and self._put(variable, value)
        items: list[str] = []
        for item in raw.split(expression.operator.separator):
            if (value := self._decode(expression, item)) is None:
                return False
            items.append(value)
        return self._put(variable, items)

    def settle(self) -> bool:
        """Bring together variables that appear in full and by a prefix.  False when they contradict each other."""
        for name, text in sorted(self._prefixes, key=lambda pair: -len(pair[1])):
            full = self.values.setdefault(name, text)
            if not isinstance(full, str) or not full.startswith(text):
                return False
        return True

    def _add_named(self, expression: Expression, raw: str) -> bool:
        known = {variable.name: variable for variable in expression.variables}
        found: dict[Variable, str | list[str]] = {}
        for pair in raw.split(expression.operator.separator) if raw else ():
            key, _, text = pair.partition("=")
            variable, value = known.get(key), self._decode(expression, text)
            if variable is None or value is None:
                return False
            if variable.explode:
                items = found.setdefault(variable, [])
                if isinstance(items, list):
                    items.append(value)
            elif variable in found:
                return False
            else:
                found[variable] = value
        return all(self._put(variable, value) for variable, value in found.items())

    def _put(self, variable: Variable, value: str | list[str]) -> bool:
        if variable.prefix and isinstance(value, str):
            self._prefixes.append((variable.name, value))
            return len(value) <= variable.prefix
        return self.values.setdefault(variable.name, value) == value

    def _decode(self, expression: Expression, raw: str) -> str | None:
        value = raw
        if "%" in raw:
            if _BAD_TRIPLET.search(raw):
                return None
            try:
                value = unquote_to_bytes(raw).decode()
            except UnicodeDecodeError:
                return None
        if self._guard and _dangerous(value, one_segment=expression.symbol in ("", ".", "/", ";")):
            return None
        return value


def _dangerous(value: str, *, one_segment: bool) -> bool:
    """Say whether a value could climb out of the folder that a careless handler joins it to."""
    if "\0" in value:
        return True
    if one_segment and ("/" in value or "\\" in value):
        return True
    return ".." in value and any(part.strip() == ".." for part in value.replace("\\", "/").split("/"))


def required(parts: tuple[Part, ...]) -> tuple[str, ...]:
    """Return the variables that every match has a value for."""
    firsts = [part.variables[0].name for part in parts if isinstance(part, Expression) and not part.operator.first]
    return tuple(dict.fromkeys(firsts))
