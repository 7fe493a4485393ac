"""Who sees what: only what a token proved counts, and whom no rule fits sees nothing."""

import msgspec
import pytest

from dragoman.connectors.settings.rules import judge_of
from dragoman.connectors.settings.shape import Access
from dragoman.connectors.shaping import shaped
from dragoman.connectors.view import ALL, View
from dragoman.protocol.exchange import Caller
from dragoman.protocol.identity import Identity
from dragoman.wire.base import Implementation
from dragoman.wire.lifecycle import ClientCapabilities

NOBODY = Caller(version="", capabilities=ClientCapabilities())


def caller(subject: str = "ann", scopes: str = "", client: str = "", **claims: object) -> Caller:
    identity = Identity(subject, scopes=frozenset(scopes.split()), client_id=client, claims=claims)
    return msgspec.structs.replace(NOBODY, identity=identity, client=Implementation(name="boss", version="1"))


def judge(local: bool = True, hosted: bool = False, **said: object):
    made = judge_of({"files": shaped(said, Access, "sources.files")}, local=local, hosted=hosted)
    return (lambda who: ALL) if made is None else (lambda who: made(who, "files"))


def test_scopes_are_all_needed() -> None:
    seen = judge(scopes=["a", "b"])
    assert seen(caller(scopes="a b c")) == ALL
    assert seen(caller(scopes="a")) is None
    assert seen(NOBODY) is None
    assert seen(None) == ALL


def test_who_lacks_the_scopes_for_writing_reads_and_changes_nothing() -> None:
    seen = judge(write_scopes=["w"], rules=[{"scope": "hr", "allow": ["a/**"]}, {}])
    assert seen(caller(scopes="hr w")) == View(("a/**",))
    assert seen(caller(scopes="hr")) == View(("a/**",), writes=False)
    assert seen(caller()) == View(writes=False)
    assert seen(NOBODY) == View(writes=False)
    assert seen(None) == ALL


@pytest.mark.parametrize(
    ("rule", "fits", "fits_not"),
    [
        ({"scope": "hr"}, caller(scopes="hr x"), caller(scopes="hrx")),
        ({"subject": "ann"}, caller("ann"), caller("anne")),
        ({"client": "app"}, caller(client="app"), caller(client="")),
        ({"claim": {"team": "hr"}}, caller(team="hr"), caller(team="hr2")),
        ({"claim": {"teams": "hr"}}, caller(teams=["it", "hr"]), caller(teams=["it"])),
        ({"claim": {"level": 1}}, caller(level=1), caller(level=True)),
        ({"scope": "hr", "subject": "ann"}, caller("ann", "hr"), caller("bob", "hr")),
        ({}, caller(), None),
    ],
)
def test_a_rule_is_for_those_to_whom_all_of_it_applies(rule: dict, fits: Caller, fits_not: Caller | None) -> None:
    seen = judge(rules=[{**rule, "allow": ["reports/**"]}])
    assert seen(fits) == View(("reports/**",))
    if fits_not is not None:
        assert seen(fits_not) is None


def test_the_first_rule_that_fits_counts() -> None:
    seen = judge(rules=[{"scope": "boss"}, {"scope": "hr", "deny": ["board/**"]}], deny=["old/**"])
    assert seen(caller(scopes="boss hr")) == View((), ("old/**",))
    assert seen(caller(scopes="hr")) == View((), ("old/**", "board/**"))
    assert seen(caller()) is None


def test_what_the_owner_denies_is_denied_to_whoever_started_the_server_as_well() -> None:
    assert judge(deny=["old/**"])(None) == View((), ("old/**",))
    assert judge()(None) == ALL


def test_a_source_for_this_machine_alone_is_not_there_for_others() -> None:
    assert judge(local_only=True)(NOBODY) == ALL
    assert judge(local=False, local_only=True)(NOBODY) is None
    assert judge(local=False, local_only=True)(caller(scopes="all")) is None
    assert judge(local=False, local_only=True)(None) == ALL


def test_a_source_for_this_machine_alone_is_not_there_for_a_model_elsewhere_whoever_asks() -> None:
    for who in (None, NOBODY, caller(scopes="all")):
        assert judge(hosted=True, local_only=True)(who) is None
        assert judge(hosted=True)(who) == ALL


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"rules": [{"alow": ["x"]}]}, "did you mean 'allow'"),
        ({"deny": ["../x"]}, r"no \.\. in it"),
        ({"scopes": ["a b"]}, "scope"),
        ({"allow": ["x"], "rules": [{"allow": ["y"]}]}, "say it in the rules"),
    ],
)
def test_wrong_rules_are_refused(said: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        shaped(said, Access, "sources.files")
