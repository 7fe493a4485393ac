"""URI templates: RFC 6570's own examples, matching as the inverse of expanding, and what strangers send."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dragoman.protocol.uri import MAX_URI, Template, TemplateError, check_uri, is_absolute

VALUES: dict[str, Any] = {
    "count": ["one", "two", "three"],
    "dom": ["example", "com"],
    "dub": "me/too",
    "hello": "Hello World!",
    "half": "50%",
    "var": "value",
    "who": "fred",
    "base": "http://example.com/home/",
    "path": "/foo/bar",
    "list": ["red", "green", "blue"],
    "keys": {"semi": ";", "dot": ".", "comma": ","},
    "v": "6",
    "x": "1024",
    "y": "768",
    "empty": "",
    "empty_keys": {},
    "undef": None,
}


# RFC 6570, sections 3.2.2 to 3.2.9.
@pytest.mark.parametrize(
    "text, uri",
    [
        ("{var}", "value"),
        ("{hello}", "Hello%20World%21"),
        ("{half}", "50%25"),
        ("O{empty}X", "OX"),
        ("O{undef}X", "OX"),
        ("{x,y}", "1024,768"),
        ("{x,hello,y}", "1024,Hello%20World%21,768"),
        ("?{x,empty}", "?1024,"),
        ("?{x,undef}", "?1024"),
        ("?{undef,y}", "?768"),
        ("{var:3}", "val"),
        ("{var:30}", "value"),
        ("{list}", "red,green,blue"),
        ("{list*}", "red,green,blue"),
        ("{keys}", "semi,%3B,dot,.,comma,%2C"),
        ("{keys*}", "semi=%3B,dot=.,comma=%2C"),
        ("{+hello}", "Hello%20World!"),
        ("{+half}", "50%25"),
        ("{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex"),
        ("{+base}index", "http://example.com/home/index"),
        ("O{+empty}X", "OX"),
        ("{+path}/here", "/foo/bar/here"),
        ("here?ref={+path}", "here?ref=/foo/bar"),
        ("up{+path}{var}/here", "up/foo/barvalue/here"),
        ("{+x,hello,y}", "1024,Hello%20World!,768"),
        ("{+path:6}/here", "/foo/b/here"),
        ("{+keys}", "semi,;,dot,.,comma,,"),
        ("{+keys*}", "semi=;,dot=.,comma=,"),
        ("{#hello}", "#Hello%20World!"),
        ("foo{#empty}", "foo#"),
        ("foo{#undef}", "foo"),
        ("{#path,x}/here", "#/foo/bar,1024/here"),
        ("{#keys*}", "#semi=;,dot=.,comma=,"),
        ("{.who,who}", ".fred.fred"),
        ("{.half,who}", ".50%25.fred"),
        ("www{.dom*}", "www.example.com"),
        ("X{.empty}", "X."),
        ("X{.empty_keys*}", "X"),
        ("X{.keys*}", "X.semi=%3B.dot=..comma=%2C"),
        ("{/var,x}/here", "/value/1024/here"),
        ("{/var:1,var}", "/v/value"),
        ("{/list*,path:4}", "/red/green/blue/%2Ffoo"),
        ("{/var,empty}", "/value/"),
        ("{;v,empty,who}", ";v=6;empty;who=fred"),
        ("{;hello:5}", ";hello=Hello"),
        ("{;list}", ";list=red,green,blue"),
        ("{;list*}", ";list=red;list=green;list=blue"),
        ("{;keys*}", ";semi=%3B;dot=.;comma=%2C"),
        ("{?x,y,empty}", "?x=1024&y=768&empty="),
        ("{?x,y,undef}", "?x=1024&y=768"),
        ("{?var:3}", "?var=val"),
        ("{?list}", "?list=red,green,blue"),
        ("{?keys}", "?keys=semi,%3B,dot,.,comma,%2C"),
        ("{?keys*}", "?semi=%3B&dot=.&comma=%2C"),
        ("?fixed=yes{&x}", "?fixed=yes&x=1024"),
        ("{&list*}", "&list=red&list=green&list=blue"),
    ],
)
def test_expansion_follows_the_examples_of_the_rfc(text: str, uri: str) -> None:
    assert Template.parse(text).expand(VALUES) == uri


@pytest.mark.parametrize(
    "text, uri, values",
    [
        ("weather://{city}/now", "weather://New%20York/now", {"city": "New York"}),
        ("weather://{city}/now", "weather://Zürich/now", {"city": "Zürich"}),
        ("weather://{city}/now", "weather://a%c3%bc/now", {"city": "aü"}),
        ("mail://{user}", "mail://bob@example.org", {"user": "bob@example.org"}),
        ("café/{x}", "caf%c3%a9/1", {"x": "1"}),
        ("fixed://text", "fixed://text", {}),
        ("{a}", "b", {"a": "b"}),
        ("f:{name}{.ext}", "f:a.tar.gz", {"name": "a.tar", "ext": "gz"}),
        ("f:{name}{.ext}", "f:readme", {"name": "readme"}),
        ("x:{a}-{b}", "x:1-2-3", {"a": "1-2", "b": "3"}),
        ("x:{a}{&b}", "x:1&b=2", {"a": "1", "b": "2"}),
        ("x:{a}{b}", "x:p%20", {"a": "p", "b": " "}),
        ("x:{a,b}", "x:1,2", {"a": "1", "b": "2"}),
        ("x:{a*}", "x:1,2", {"a": ["1", "2"]}),
        ("x:{+p}/{n}", "x:a/b/c", {"p": "a/b", "n": "c"}),
        ("x:{+p}{?q}", "x:a/b?q=1/2?", {"p": "a/b", "q": "1/2?"}),
        ("x:{+p}", "x:a?b#c", {"p": "a?b#c"}),
        ("x:{+p}{#f}", "x:a/b#c", {"p": "a/b", "f": "c"}),
        ("x:{/a,b}/edit", "x:/1/edit", {"a": "1"}),
        ("x:{/a,b}/edit", "x:/1/2/edit", {"a": "1", "b": "2"}),
        ("x:{/p*}", "x:/a/b/c", {"p": ["a", "b", "c"]}),
        ("x:{/p*}", "x:", {}),
        ("x:{;a,b}", "x:;b=1;a", {"a": "", "b": "1"}),
        ("x:{?a,b}", "x:", {}),
        ("x:{?a,b}", "x:?b=2&a=1", {"a": "1", "b": "2"}),
        ("x:{?a,b}", "x:?b=", {"b": ""}),
        ("x:{?a}{&b}", "x:?b=2", {"b": "2"}),
        ("x:?v=1{&a}", "x:?v=1&a=2", {"a": "2"}),
        ("x:{?a*}", "x:?a=2&a=1", {"a": ["2", "1"]}),
        ("x:{?a}", "x:?a=b%2Fc+d", {"a": "b/c+d"}),
        ("x:{a:2}/{a}", "x:va/value", {"a": "value"}),
        ("x:{a:2}", "x:va", {"a": "va"}),
        ("x:{a}/{a}", "x:1/1", {"a": "1"}),
    ],
)
def test_a_uri_matches(text: str, uri: str, values: dict[str, Any]) -> None:
    assert Template.parse(text).match(uri) == values


@pytest.mark.parametrize(
    "text, uri",
    [
        ("weather://{city}/now", "weather://a/b/now"),
        ("weather://{city}/now", "weather:///now"),
        ("weather://{city}/now", "weather://a/now/"),
        ("weather://{city}/now", "xweather://a/now"),
        ("x:aba", "x:ab"),
        ("x:a{v}a", "x:a"),
        ("x:{a}", "x:a?b"),
        ("x:{a}", "x:a#b"),
        ("x:{a}", "x:a b"),
        ("x:{a}", "x:a%2"),
        ("x:{a}", "x:%ff"),
        ("x:{a}", "x:\ud800"),
        ("x:{a}/{a}", "x:1/2"),
        ("x:{a:2}", "x:abc"),
        ("x:{a:2}/{a}", "x:zz/value"),
        ("x:{a,b}", "x:1,2,3"),
        ("x:{/a,b}", "x:/1/2/3"),
        ("x:{a}{&b}", "x:1,2/"),
        ("x:{?a}", "x:?b=1"),
        ("x:{?a}", "x:?a=1&a=2"),
        ("x:{?a}", "x:?a=1&"),
        ("x:{?a*}", "x:?a=1&a=%ff"),
        ("x:{a*}", "x:1,%ff"),
    ],
)
def test_a_uri_that_the_template_cannot_give_does_not_match(text: str, uri: str) -> None:
    assert Template.parse(text).match(uri) is None


@pytest.mark.parametrize(
    "text, uri",
    [
        ("x:{id}", "x:a%2Fb"),
        ("x:{id}", "x:a%5Cb"),
        ("x:{id}", "x:.."),
        ("x:{id}", "x:%2e%2e"),
        ("x:{id}", "x:a%00"),
        ("x:{/p*}", "x:/a/../b"),
        ("x:{/p*}", "x:/a/b%2fc"),
        ("x:{+p}", "x:a/../b"),
        ("x:{+p}", "x:a/%2E%2e"),
        ("x:{+p}", "x:..%5Cb"),
        ("x:{+p}", "x:a%00"),
        ("x:{?q}", "x:?q=../../etc/passwd"),
        ("x:{?q}", "x:?q=%00"),
    ],
)
def test_a_value_that_climbs_out_of_a_folder_does_not_match(text: str, uri: str) -> None:
    template = Template.parse(text)
    assert template.match(uri) is None
    assert template.match(uri, guard=False) is not None


@pytest.mark.parametrize("uri", ["x:a..b", "x:...", "x:%252e%252e", "x:.a"])
def test_dots_that_climb_nowhere_match(uri: str) -> None:
    assert Template.parse("x:{id}").match(uri) is not None


def test_a_value_is_decoded_once() -> None:
    assert Template.parse("x:{id}").match("x:%2541") == {"id": "%41"}


plain = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
some_list = st.lists(plain, min_size=1, max_size=4)


@given(a=plain, b=plain, c=plain, d=st.none() | plain, e=st.none() | some_list)
def test_matching_gives_back_what_was_expanded(a: str, b: str, c: str, d: str | None, e: list[str] | None) -> None:
    template = Template.parse("x://{a}/and/{b,c}{/e*}{?d}")
    assert template.variables == ("a", "b", "c", "e", "d")
    values = {name: value for name, value in zip("abcde", (a, b, c, d, e), strict=True) if value is not None}
    assert template.match(template.expand(values), guard=False) == values


@given(path=plain, name=plain)
def test_a_reserved_value_is_given_back_unless_it_holds_what_ends_it(path: str, name: str) -> None:
    assume("%" not in path and "?" not in path)
    template = Template.parse("x:{+path}/{name}{?q}")
    assert template.match(template.expand({"path": path, "name": name}), guard=False) == {"path": path, "name": name}


@given(st.text("{}x/a,*:?&;.+#%1", max_size=20), st.text("x/a,=?&;.#%1", max_size=20))
def test_any_text_parses_or_says_where_and_what_matches_was_all_there(text: str, uri: str) -> None:
    try:
        template = Template.parse(text)
    except TemplateError as error:
        fault = error
    else:
        fault = None
    if fault is not None:
        assert 0 <= fault.at <= len(text)
        assert f"at character {fault.at}" in str(fault)
        return
    found = template.match(uri)
    if found is not None:
        assert set(template.required) <= set(found) <= set(template.variables)


@given(
    st.text("ab/.", max_size=12),
    st.sampled_from(["{a}/{b}", "{+a}/{b}", "{a}.{b}", "{+a}ab{+b}", "{a}{.b}", "{+a}{b}"]),
)
def test_a_match_expands_to_the_uri_it_came_from(uri: str, text: str) -> None:
    template = Template.parse(text)
    found = template.match(uri, guard=False)
    if found is not None:
        assert template.expand(found) == uri


@given(st.text("ab/", max_size=10))
def test_a_uri_matches_exactly_when_some_division_of_it_fits(uri: str) -> None:
    middles = [i for i in range(1, len(uri)) if uri.startswith("ab/", i)]
    fits = any("/" not in uri[i + 3 :] and uri[i + 3 :] for i in middles)
    assert (Template.parse("{+a}ab/{b}").match(uri) is not None) == fits


# The first is the shape of CVE-2026-0621; all of them make a backtracking matcher explode.
@pytest.mark.parametrize(
    "text, unit, end",
    [
        ("x:{/a*}{/b*}{/c*}!", "/a", "|!"),
        ("x:{+a}a{+b}a{+c}a{+d}!", "a", "|!"),
        ("x:{a}{b}{c}{d}{e}/", "a", "|/"),
        ("x:{?a*}", "a=1&", "|"),
        ("x:{+a}%20{+b}", "%20", "|"),
    ],
)
def test_the_cost_of_matching_is_linear(text: str, unit: str, end: str) -> None:
    template = Template.parse(text)

    def cost(length: int) -> float:
        uri = "x:" + unit * (length // len(unit)) + end
        spent: list[float] = []
        for _ in range(5):
            start = time.process_time()
            assert template.match(uri, max_length=2_000_000) is None
            spent.append(time.process_time() - start)
        return min(spent)

    # Sixteen times the text: 16 when linear, 256 and more when not.
    assert cost(1_000_000) < 120 * max(cost(62_500), 0.0005)


def test_a_uri_over_the_limit_does_not_match() -> None:
    template = Template.parse("x:{a}")
    assert template.match("x:" + "a" * MAX_URI) is None
    assert template.match("x:" + "a" * (MAX_URI - 2)) == {"a": "a" * (MAX_URI - 2)}


@pytest.mark.parametrize(
    "text, at, reason",
    [
        ("x:{a", 2, "never closed"),
        ("x:a}", 3, "without an opening"),
        ("x:{}", 3, "not a variable"),
        ("x:{a,}", 5, "not a variable"),
        ("x:{a b}", 3, "not a variable"),
        ("x:{a:0}", 3, "not a variable"),
        ("x:{a:10000}", 3, "not a variable"),
        ("x:{a:3*}", 3, "not a variable"),
        ("x:{a{b}}", 3, "not a variable"),
        ("x:{?a,b*:1}", 6, "not a variable"),
        ("x:{!a}", 3, "no meaning yet"),
        ("x: {a}", 2, "percent-encoded"),
        ("x:%zz", 2, "percent-encoded"),
        ("x" * 2049, 2048, "longer than 2048"),
    ],
)
def test_a_template_that_does_not_parse_says_where(text: str, at: int, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason) as caught:
        Template.parse(text)
    assert caught.value.at == at


@pytest.mark.parametrize("values", [{"a": b"bytes"}, {"a": object()}, {"a": [None]}, {"a": "\ud800"}, {"b": ["x"]}])
def test_a_value_that_has_no_text_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(TemplateError, match=r"no value for '[ab]'"):
        Template.parse("x:{a}{b:1}").expand(values)
    assert Template.parse("x:{a}{b:1}").expand({"a": [1, 2.5, True], "b": "xyz"}) == "x:1,2.5,truex"


def test_required_variables_are_those_no_match_leaves_out() -> None:
    assert Template.parse("x:{a}{/b}/{+c,d}{?e}").required == ("a", "c")


@pytest.mark.parametrize("uri", ["file:///a%20b", "docs://h[1]/x?y#z", "urn:isbn:1", "a+b-c.d:"])
def test_a_good_uri_has_no_complaint(uri: str) -> None:
    assert check_uri(uri) is None
    assert is_absolute(uri)


@pytest.mark.parametrize(
    "uri, complaint",
    [
        ("/a/b", "no scheme"),
        ("", "no scheme"),
        ("1a:b", "no scheme"),
        ("file:///a b", "' ' at character 9"),
        ("file:///\n", r"'\\n' at character 8"),
        ("file:///ü", "percent-encoded"),
        ("file:///%2", "'%' at character 8"),
        ("file:///a#b#c", "more than one '#'"),
        ("x:" + "a" * MAX_URI, "longer than 65536"),
    ],
)
def test_a_bad_uri_is_told_why(uri: str, complaint: str) -> None:
    found = check_uri(uri)
    assert found is not None
    with pytest.raises(ValueError, match=complaint):
        raise ValueError(found)
