"""Forms: what a client is shown for a type, and what comes back of its answer."""

import contextlib
import datetime
import uuid
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from dragoman import LocalError, ask
from dragoman.serving.forms import form_of

Schema = dict[str, Any]


class Plain(Enum):
    RED = "r"
    BLUE = "b"


class Titled(Enum):
    RED = "r"
    BLUE = "b"

    @property
    def title(self) -> str:
        return f"{self.name.capitalize()} colour"


class TextEnum(StrEnum):
    RED = "r"
    BLUE = "b"


ONE_OF = [{"const": "r", "title": "Red colour"}, {"const": "b", "title": "Blue colour"}]
RED_BLUE = {"type": "string", "enum": ["r", "b"]}
Shown = Annotated[Literal["s", "l"], ask.titles({"s": "Small", "l": "Large"})]
SIZES = [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large"}]

SCALARS: list[tuple[Any, Schema, Any, Any]] = [
    (str, {"type": "string"}, "Ada", "Ada"),
    (bool, {"type": "boolean"}, True, True),
    (int, {"type": "integer"}, 3, 3),
    (int, {"type": "integer"}, 3.0, 3),
    (float, {"type": "number"}, 2.5, 2.5),
    (float, {"type": "number"}, 2, 2.0),
    (Annotated[int, Meta(ge=1, le=5)], {"type": "integer", "minimum": 1, "maximum": 5}, 5, 5),
    (Annotated[int, Meta(gt=1, lt=5)], {"type": "integer", "minimum": 2, "maximum": 4}, 4, 4),
    (Annotated[float, Meta(gt=1)], {"type": "number", "minimum": 1}, 1.5, 1.5),
    (
        Annotated[str, Meta(title="Name", description="Yours", min_length=1, max_length=9, pattern="^A")],
        {"type": "string", "title": "Name", "description": "Yours", "minLength": 1, "maxLength": 9},
        "Ada",
        "Ada",
    ),
    (
        Annotated[str, Meta(extra_json_schema={"format": "email"})],
        {"type": "string", "format": "email"},
        "a@b.example",
        "a@b.example",
    ),
    (Annotated[str, Meta(extra_json_schema={"format": "uri"})], {"type": "string", "format": "uri"}, "a:b", "a:b"),
    (datetime.date, {"type": "string", "format": "date"}, "2026-07-28", datetime.date(2026, 7, 28)),
    (
        datetime.datetime,
        {"type": "string", "format": "date-time"},
        "2026-07-28T10:00:00Z",
        datetime.datetime(2026, 7, 28, 10, tzinfo=datetime.UTC),
    ),
    # A form has no such format: the answer is still checked.
    (uuid.UUID, {"type": "string"}, "12345678-1234-5678-1234-567812345678", uuid.UUID("1234567812345678" * 2)),
    (Plain, RED_BLUE, "b", Plain.BLUE),
    (TextEnum, RED_BLUE, "b", TextEnum.BLUE),
    (Titled, {"type": "string", "oneOf": ONE_OF}, "b", Titled.BLUE),
    (Literal["s", "l"], {"type": "string", "enum": ["s", "l"]}, "l", "l"),
    (Shown, {"type": "string", "oneOf": SIZES}, "l", "l"),
    (list[Plain], {"type": "array", "items": RED_BLUE}, ["b", "r"], [Plain.BLUE, Plain.RED]),
    (set[Plain], {"type": "array", "items": RED_BLUE}, ["b", "b"], {Plain.BLUE}),
    (list[Titled], {"type": "array", "items": {"anyOf": ONE_OF}}, [], []),
    (list[Shown], {"type": "array", "items": {"anyOf": SIZES}}, ["s"], ["s"]),
    (
        Annotated[list[Literal["s", "l"]], Meta(min_length=1, max_length=2)],
        {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string", "enum": ["s", "l"]}},
        ["s", "l"],
        ["s", "l"],
    ),
    (Annotated[int, pydantic.Field(gt=0, title="Count")], {"type": "integer", "title": "Count", "minimum": 1}, 2, 2),
]


@pytest.mark.parametrize("wanted, schema, sent, read", SCALARS)
def test_one_value_is_a_form_with_one_field(wanted: Any, schema: Schema, sent: Any, read: Any) -> None:
    """ELIC-04, ELIC-05"""
    form = form_of(wanted)
    assert form.schema == {"type": "object", "properties": {"value": schema}, "required": ["value"]}
    assert form.read({"value": sent}) == read
    assert type(form.read({"value": sent})) is type(read)


@pytest.mark.parametrize(
    "wanted, sent",
    [
        (bool, "perhaps"),
        (int, 3.5),
        (int, "three"),
        (str, None),
        (str, ["Ada"]),
        (Annotated[int, Meta(gt=1)], 1),
        (Annotated[str, Meta(pattern="^A")], "Eve"),
        (datetime.date, "yesterday"),
        (uuid.UUID, "12"),
        (Plain, "g"),
        (Literal["s", "l"], "m"),
        (list[Plain], ["g"]),
        (Annotated[list[Plain], Meta(max_length=1)], ["r", "b"]),
        (Annotated[int, pydantic.Field(gt=0)], 0),
    ],
)
def test_an_answer_that_is_none_for_its_type_is_refused(wanted: Any, sent: Any) -> None:
    """ELIC-19"""
    with pytest.raises(ValueError):
        form_of(wanted).read({"value": sent})
    with pytest.raises(ValueError):
        form_of(wanted).read({})


@dataclass
class AsDataclass:
    street: str
    number: Annotated[int, Meta(ge=1, title="House number")] = 1
    kind: Literal["home", "work"] = "home"
    floor: int | None = None
    colours: list[Titled] = field(default_factory=list)


class AsStruct(msgspec.Struct):
    street: str
    number: Annotated[int, Meta(ge=1, title="House number")] = 1
    kind: Literal["home", "work"] = "home"
    floor: int | None = None
    colours: list[Titled] = []


class AsModel(pydantic.BaseModel):
    street: str = pydantic.Field(title="Street")
    number: int = pydantic.Field(1, ge=1, title="House number")
    kind: Literal["home", "work"] = "home"
    floor: int | None = None
    colours: list[Titled] = []


class AsTypedDict(TypedDict):
    street: str
    number: NotRequired[Annotated[int, Meta(ge=1, title="House number")]]
    kind: NotRequired[Literal["home", "work"]]
    floor: NotRequired[int | None]
    colours: NotRequired[list[Titled]]


@pytest.mark.parametrize("wanted", [AsDataclass, AsStruct, AsModel, AsTypedDict])
def test_a_class_of_any_make_is_a_form_with_its_fields(wanted: Any) -> None:
    """ELIC-04, ELIC-05, ELIC-06"""
    form = form_of(wanted)
    fields = form.schema["properties"]
    assert form.schema["required"] == ["street"]
    assert list(fields) == ["street", "number", "kind", "floor", "colours"]
    assert (fields["number"]["title"], fields["number"]["minimum"]) == ("House number", 1)
    assert fields["kind"]["enum"] == ["home", "work"]
    assert (fields["floor"]["type"], "default" in fields["floor"]) == ("integer", False)
    assert fields["colours"]["items"] == {"anyOf": ONE_OF}
    if wanted is not AsTypedDict:
        assert (fields["number"]["default"], fields["kind"]["default"]) == (1, "home")
        short = form.read({"street": "Main", "unasked": 1})
        assert short == wanted(street="Main")
        full = {"street": "Main", "number": 7, "kind": "work", "floor": 2, "colours": ["r"]}
        assert form.read(full) == wanted(**{**full, "colours": [Titled.RED]})
    else:
        assert form.read({"street": "Main"}) == {"street": "Main"}
    with pytest.raises(ValueError, match="number"):
        form.read({"street": "Main", "number": 0})
    with pytest.raises(ValueError, match="street"):
        form.read({})


def test_a_field_that_may_be_null_may_be_left_empty() -> None:
    @dataclass
    class Nullable:
        name: str
        age: int | None
        size: Literal["s", "l", None]

    form = form_of(Nullable)
    assert form.schema["required"] == ["name"]
    assert form.schema["properties"]["size"] == {"type": "string", "enum": ["s", "l"]}
    assert form.read({"name": "Ada"}) == Nullable("Ada", None, None)
    alone = form_of(int | None)
    assert (alone.read({}), alone.read({"value": 3}), "required" in alone.schema) == (None, 3, False)


def test_no_type_at_all_asks_for_no_more_than_a_yes() -> None:
    form = form_of(None)
    assert form.schema == {"type": "object", "properties": {}}
    assert form.read({}) is True


def test_defaults_that_are_no_json_travel_as_it() -> None:
    @dataclass
    class Booking:
        day: datetime.date = datetime.date(2026, 7, 28)
        colour: Titled = Titled.BLUE

    form = form_of(Booking)
    assert form.schema["properties"]["day"]["default"] == "2026-07-28"
    assert form.schema["properties"]["colour"] == {"type": "string", "default": "b", "oneOf": ONE_OF}
    assert form.read({}) == Booking()


@dataclass
class Inner:
    x: int


class Secretive(pydantic.BaseModel):
    password: pydantic.SecretStr


NO_FORM: list[tuple[Any, str]] = [
    (dict[str, int], "a form has named fields"),
    (list[int], "'value': a list in a form is a choice of several texts"),
    (list[str], "'value': a list in a form is a choice of several texts"),
    (list[Inner], "'value': a list in a form"),
    (int | str, "'value': it is of several types, and a form is flat"),
    (Literal[1, 2], "'value': its choices are integers, and in a form they are texts"),
    (TypedDict("Nested", {"inner": Inner}), "'inner': it is object, and a form is flat"),
    (TypedDict("Listed", {"inner": list[Inner]}), "'inner': a list in a form"),
    (TypedDict("Complex", {"inner": complex}), "type complex has no JSON form"),
    (Secretive, "'password': secrets must not pass through the client; let the user visit a page"),
    ({"type": "object", "properties": {"x": {"type": "object"}}}, "'x': it is object"),
    ({"type": "object", "properties": {"x": {"type": "array"}}}, "'x': a list in a form"),
    ({"type": "object", "properties": {"x": {"type": "string", "format": "password"}}}, "'x': secrets must not"),
    ({"type": "object", "properties": {"x": {"type": "string", "writeOnly": True}}}, "'x': secrets must not"),
    (
        Annotated[Literal["s", "l"], ask.titles({"s": "Small"})],
        "'value': its titles are not those of its choices, s, l",
    ),
]


@pytest.mark.parametrize("wanted, told", NO_FORM)
def test_what_no_form_can_hold_is_refused_naming_the_field(wanted: Any, told: str) -> None:
    """ELIC-04, ELIC-09"""
    with pytest.raises(LocalError, match="no form can ask for") as caught:
        form_of(wanted)
    assert told in str(caught.value)


HAND: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "title": "A form",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 4},
        "age": {"type": "integer", "minimum": 18, "maximum": 99},
        "score": {"type": "number"},
        "ok": {"type": "boolean", "default": True},
        "size": {"type": "string", "enum": ["s", "l"], "enumNames": ["Small", "Large"]},
        "colour": {"type": "string", "oneOf": ONE_OF},
        "many": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string", "enum": ["s", "m", "l"]}},
        "titled": {"type": "array", "items": {"anyOf": ONE_OF}},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def test_a_form_written_by_hand_is_shown_as_it_is() -> None:
    assert form_of(HAND).schema == {
        "type": "object",
        "properties": HAND["properties"],
        "required": ["name"],
    }


@pytest.mark.parametrize(
    "name, good, bad",
    [
        ("name", ["Ada", "Adam"], ["A", "Adams", 3, None]),
        ("age", [18, 99, 30.0], [17, 100, 30.5, "30", True]),
        ("score", [1, 1.5], ["1", True]),
        ("ok", [True, False], [1, "true"]),
        ("size", ["s"], ["m", "Small", 1]),
        ("colour", ["r"], ["Red colour", "x"]),
        ("many", [["s"], ["s", "l"]], [[], ["s", "m", "l"], ["x"], "s", [["s"]]]),
        ("titled", [[], ["r", "b"]], [["x"], [{}]]),
    ],
)
def test_an_answer_to_a_form_written_by_hand_is_checked(name: str, good: list[Any], bad: list[Any]) -> None:
    """ELIC-19"""
    form = form_of(HAND)
    for value in good:
        assert form.read({"name": "Ada", name: value, "unasked": 1}) == {"name": "Ada", name: value}
    for value in bad:
        with pytest.raises(ValueError, match=f"{name} does not fit"):
            form.read({"name": "Ada", name: value})
    with pytest.raises(ValueError, match="name missing"):
        form.read({})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("wanted", [HAND, AsDataclass, AsModel, AsTypedDict, bool, Titled, list[Titled], None])
@given(content=st.dictionaries(st.sampled_from([*HAND["properties"], "value", "street", "number"]), json_values))
def test_whatever_is_sent_is_read_or_refused(wanted: Any, content: dict[str, Any]) -> None:
    form = form_of(wanted)
    # Any other error would be the program's own, and end the call with an id for the log.
    with contextlib.suppress(ValueError):
        form.read(content)


def test_the_same_type_is_read_once() -> None:
    assert form_of(AsDataclass) is form_of(AsDataclass)
    assert form_of(AsStruct) is not form_of(AsDataclass)
