"""What a statement with a wrong name may have meant: names that its caller may see, and no others."""

from __future__ import annotations

import difflib

from dragoman.connectors.databases.access import Access


def nearest(access: Access, kind: str, name: str, sql: str, whole: str) -> str:
    """Return the nearest names of tables, or of columns with their tables, and the call that shows the rest.

    `whole` is the database's address.
    """
    # Tables that the statement names come last, so that of columns with one name theirs are told.
    tables = sorted(access.shown.values(), key=lambda sight: sight.table.name.lower() in sql.lower())
    bare = name.rpartition(".")[2].strip("\"[]`'").lower()
    if kind == "table":
        names = {sight.table.name.lower(): sight.table.name for sight in tables}
    else:
        names = {column.lower(): f"{sight.table.name}.{column}" for sight in tables for column in sight.readable}
    near = [names[found] for found in difflib.get_close_matches(bare, names, 3, 0.5)]
    if not near:
        return f"call describe on {whole} for what there is"
    return f"nearest: {', '.join(near)}; call describe on {whole} for the rest"
