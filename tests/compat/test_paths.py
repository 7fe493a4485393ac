"""Path checks, URI templates and URIs that servers import."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.compat.paths import PathEscapeError, UriTemplate, contains_path_traversal, is_absolute_path, safe_join
from dragoman.compat.security import DEFAULT_RESOURCE_SECURITY, ResourceSecurity
from dragoman.compat.urls import Uri
from dragoman.errors import LocalError

STEPS = st.lists(st.sampled_from(["a", "b", "..", ".", "", "c..d"]), max_size=6)


@pytest.mark.parametrize("path", ["..", "../a", "a/../..", "..\\a", "a\\..\\..", "./../a"])
def test_a_path_that_climbs_is_seen(path) -> None:
    assert contains_path_traversal(path)


@pytest.mark.parametrize("path", ["", "a", "a/../b", "a..b", "...", "a/b/../..", "1.0..2.0"])
def test_a_path_that_does_not_climb_passes(path) -> None:
    assert not contains_path_traversal(path)


@pytest.mark.parametrize("path, absolute", [("/a", 1), ("\\a", 1), ("C:\\a", 1), ("c:a", 1), ("a/b", 0), ("", 0)])
def test_absolute_paths_of_any_system_are_seen(path, absolute) -> None:
    assert is_absolute_path(path) is bool(absolute)


def test_joined_paths_stay_inside(tmp_path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert safe_join(tmp_path, "a", "b.txt") == tmp_path.resolve() / "a" / "b.txt"
    for parts in (("..",), ("a", "../../b"), ("/etc/passwd",), ("a\0b",), ("link/passwd",)):
        with pytest.raises(PathEscapeError):
            safe_join(tmp_path, *parts)


@given(STEPS, st.sampled_from(["/", "\\"]))
def test_what_is_said_not_to_climb_never_leaves_the_folder(steps, separator) -> None:
    path = separator.join(steps)
    if not contains_path_traversal(path) and not is_absolute_path(path):
        assert safe_join("/srv/data", path.replace("\\", "/")).is_relative_to("/srv/data")


def test_a_template_expands_and_matches() -> None:
    template = UriTemplate.parse("books://{isbn}/{+path}")
    assert template.expand({"isbn": "1 2", "path": "a/b"}) == "books://1%202/a/b"
    assert template.match("books://12/a/b") == {"isbn": "12", "path": "a/b"}
    assert template.match("films://12/a") is None and str(template) == "books://{isbn}/{+path}"
    with pytest.raises(LocalError):
        UriTemplate.parse("books://{isbn")


def test_security_looks_at_every_value_that_is_not_exempt() -> None:
    assert DEFAULT_RESOURCE_SECURITY.fault({"a": "x", "path": ["ok", "../up"]}) == "path"
    assert DEFAULT_RESOURCE_SECURITY.fault({"a": "x/y", "n": 3}) is None
    assert ResourceSecurity(exempt_params={"path"}).fault({"path": "/etc"}) is None
    assert ResourceSecurity(reject_path_traversal=False).fault({"path": "../up"}) is None
    assert ResourceSecurity().fault({"path": "a\0b"}) == "path"


def test_a_uri_is_its_text_with_parts() -> None:
    uri = Uri.of("file://host/a/b?q=1")
    assert uri == "file://host/a/b?q=1" and isinstance(uri, str)
    assert (uri.scheme, uri.host, uri.path, uri.query) == ("file", "host", "/a/b", "q=1")
    assert (Uri.of("a:").path, Uri.of("a:").host, Uri.of("a:").query) == (None, None, None)
