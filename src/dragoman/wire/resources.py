"""Resources and their templates: definitions, reading, subscribing.

Source: specification, server/resources.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from msgspec import UNSET, field

from dragoman.wire.base import Annotations, Icon, Meta, Opt, Wire
from dragoman.wire.content import AnyContents
from dragoman.wire.lifecycle import Cacheable, Params


class Resource(Wire, frozen=True, kw_only=True):
    """A resource as it is listed; `size` in bytes."""

    uri: str
    name: str
    title: Opt[str] = UNSET
    description: Opt[str] = UNSET
    mime_type: Opt[str] = UNSET
    size: Opt[int] = UNSET
    icons: Opt[list[Icon]] = UNSET
    annotations: Opt[Annotations] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class ResourceTemplate(Wire, frozen=True, kw_only=True):
    """A family of resources, addressed by an RFC 6570 template."""

    uri_template: str
    name: str
    title: Opt[str] = UNSET
    description: Opt[str] = UNSET
    mime_type: Opt[str] = UNSET
    icons: Opt[list[Icon]] = UNSET
    annotations: Opt[Annotations] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class ListResources(Params, frozen=True, kw_only=True):
    """Parameters of `resources/list` and `resources/templates/list`."""

    cursor: Opt[str] = UNSET


class ListResourcesResult(Cacheable, frozen=True, kw_only=True):
    """One page of resources."""

    resources: list[Resource]
    next_cursor: Opt[str] = UNSET


class ListTemplatesResult(Cacheable, frozen=True, kw_only=True):
    """One page of resource templates."""

    resource_templates: list[ResourceTemplate]
    next_cursor: Opt[str] = UNSET


class ReadResource(Params, frozen=True, kw_only=True):
    """Parameters of `resources/read`."""

    uri: str
    input_responses: Opt[dict[str, msgspec.Raw]] = UNSET
    request_state: Opt[str] = UNSET


class ReadResourceResult(Cacheable, frozen=True, kw_only=True):
    """What a resource holds; never empty for a URI that does not exist (RES-03)."""

    by_server: ClassVar[bool] = False

    contents: list[AnyContents]


class Subscribe(Params, frozen=True, kw_only=True):
    """Parameters of the handshake era's `resources/subscribe` and `resources/unsubscribe`."""

    uri: str
