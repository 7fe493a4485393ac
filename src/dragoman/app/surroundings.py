"""What a program of ours tells another that it starts, by the environment: nothing else is there before it begins.

Limit: whoever writes the environment says so; it only ever makes a server give less.
"""

from __future__ import annotations

HOSTED = "DRAGOMAN_HOSTED_MODEL"  # 1: what the server gives goes to a model on another machine
