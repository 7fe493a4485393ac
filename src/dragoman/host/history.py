"""What stays of a long conversation: when it fills the model's context, the oldest results of tools are left out.

Promise: questions, answers and calls stay, so that what follows still makes sense; no result loses its call.
Limit: tokens are estimated from bytes; what was left out has to be asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dragoman.host.models.turns import Given, Part, Picture, Text, Turn

SHARE = 0.75  # of the context that a conversation may fill
BYTES_PER_TOKEN = 4
PICTURE = 1_500  # tokens, whatever its bytes: endpoints count images by their size in pixels
LEFT_OUT = "(left out, since the conversation grew long; call the tool again if it is needed)"


def size(turn: Turn) -> int:
    """Return about how many tokens a turn takes."""
    return sum(_size(part) for part in turn.parts)


def _size(part: Part) -> int:
    if isinstance(part, Picture):
        return PICTURE
    if isinstance(part, Given):
        return sum(_size(one) for one in part.parts)
    words = part.text if isinstance(part, Text) else part.arguments
    return -(-len(words.encode(errors="replace")) // BYTES_PER_TOKEN)


def fitted(turns: Sequence[Turn], context: int) -> list[Turn]:
    """Return the turns with the oldest results left out, as many as it takes; the last turn stays whole."""
    found, most = list(turns), int(context * SHARE)
    whole = sum(map(size, found))
    for place, turn in enumerate(found[:-1]):
        if whole <= most:
            break
        parts = tuple(_short(part) for part in turn.parts)
        if parts != turn.parts:
            found[place] = msgspec.structs.replace(turn, parts=parts)
            whole += size(found[place]) - size(turn)
    return found


def _short(part: Part) -> Part:
    if isinstance(part, Given) and _size(part) > _size(Text(LEFT_OUT)):
        return msgspec.structs.replace(part, parts=(Text(LEFT_OUT),))
    return Text(LEFT_OUT) if isinstance(part, Picture) else part
