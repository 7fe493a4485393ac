"""What stands for `mcp.shared.inbound`: telling requests that bring an envelope from those of sessions.

Promise: the answers are those of Dragoman's own eras. Limit: methods are not looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dragoman.compat.models import Model
from dragoman.compat.versions import MODERN_PROTOCOL_VERSIONS
from dragoman.protocol.headers import METHOD_HEADER, NAME_HEADER, HeaderFault, decode_value
from dragoman.serving.shapes import is_object
from dragoman.wire.jsonrpc import HEADER_MISMATCH, INVALID_PARAMS, UNSUPPORTED_VERSION
from dragoman.wire.lifecycle import PREFIX

_VERSION, _CAPABILITIES, _CLIENT = f"{PREFIX}protocolVersion", f"{PREFIX}clientCapabilities", f"{PREFIX}clientInfo"
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class InboundModernRoute(Model):
    """The request brings all that is needed to answer it."""

    protocol_version: str
    client_info: Any = None
    client_capabilities: Any = None


class InboundLadderRejection(Model):
    """The request does not: as a JSON-RPC error."""

    code: int
    message: str
    data: Any = None


def classify_inbound_request(
    body: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    supported_modern_versions: Sequence[str] = MODERN_PROTOCOL_VERSIONS,
) -> InboundModernRoute | InboundLadderRejection:
    """Say whether a decoded request is one of the stateless era, and if not, why. Header names are in lower case."""
    params = body.get("params")
    meta = params.get("_meta") if is_object(params) else None
    lacking = [key for key in (_VERSION, _CAPABILITIES) if not is_object(meta) or key not in meta]
    if lacking or not is_object(meta) or not is_object(params):
        return InboundLadderRejection(code=INVALID_PARAMS, message=f"params._meta lacks {', '.join(lacking)}")
    version: Any = meta[_VERSION]
    if headers is not None and (fault := _differs(body, params, version, headers)):
        return InboundLadderRejection(code=HEADER_MISMATCH, message=f"the header {fault} is not what the body says")
    if not isinstance(version, str):
        return InboundLadderRejection(code=INVALID_PARAMS, message=f"params._meta: {_VERSION} is a text")
    if version not in supported_modern_versions:
        data = {"supported": list(supported_modern_versions), "requested": version}
        return InboundLadderRejection(code=UNSUPPORTED_VERSION, message="unsupported protocol version", data=data)
    return InboundModernRoute(
        protocol_version=version, client_info=meta.get(_CLIENT), client_capabilities=meta[_CAPABILITIES]
    )


def _differs(body: Mapping[str, Any], params: Mapping[str, Any], version: Any, headers: Mapping[str, str]) -> str:
    """Return the first header that does not repeat the body, "" if all do."""
    method = body.get("method")
    if "mcp-protocol-version" not in headers or headers["mcp-protocol-version"] != version:
        return "mcp-protocol-version"
    if headers.get(METHOD_HEADER.decode()) != method:
        return METHOD_HEADER.decode()
    named = params.get(_NAMED.get(str(method), ""))
    if named is None:
        return ""
    try:
        stated = decode_value(headers.get(NAME_HEADER.decode(), ""))
    except HeaderFault:
        stated = None
    return "" if stated == named else NAME_HEADER.decode()
