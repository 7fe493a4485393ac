"""The published schema takes what the reader takes, and refuses what it refuses."""

from typing import Any

import jsonschema
import pytest

from dragoman.connectors.kinds import KINDS
from dragoman.connectors.settings.schema import schema

GOOD: dict[str, Any] = {
    "server": {"name": "acme"},
    "sources": {
        "manuals": "./manuals",
        "personnel": {"path": "./personnel", "rules": [{"scope": "hr"}, {"claim": {"a": "b"}, "allow": ["x/**"]}]},
        "shop": {"kind": "database", "url": "shop.db", "scopes": ["shop:read"], "mask": ["customers.email"]},
    },
    "tools": {"report": {"argv": ["./report.sh"], "read_only": True}},
    "prompts": {"weekly": {"text": "About {topic}", "arguments": {"topic": {"about": "what"}}}},
    "auth": {"issuer": "https://login.example.com"},
}


def test_what_is_right_is_right_by_the_schema() -> None:
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    jsonschema.validate(GOOD, made, jsonschema.Draft202012Validator)
    kinds = made["properties"]["sources"]["additionalProperties"]["anyOf"]
    assert len(kinds) == len(KINDS) + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"sorces": {}},
        {"sources": {"a": {"path": "x", "denny": []}}},
        {"sources": {"a": {"kind": "databse", "url": "x"}}},
        {"sources": {"a": {"kind": "database"}}},
        {"tools": {"a": {"argv": "x"}}},
        {"auth": {"isuer": "x"}},
    ],
)
def test_what_is_wrong_is_wrong_by_the_schema(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(GOOD | wrong, schema(), jsonschema.Draft202012Validator)
