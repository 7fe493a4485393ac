"""Reading functions: kinds of callables, contexts, defaults, annotations that are strings, and what is refused."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pytest

from dragoman.errors import RegistrationError
from dragoman.serving.parameters import MISSING, place, put_context, read

if TYPE_CHECKING:
    from decimal import Decimal


class Context:
    pass


class Special(Context):
    pass


def names(function) -> list[str]:
    return [parameter.name for parameter in read(function, Context).parameters]


async def forecast(city: str, ctx: Context, days: Annotated[int, msgspec.Meta(description="how many")] = 3) -> str:
    """Forecast for a city.

    Args:
        city: which one
        days: not this, the annotation is nearer
    """
    return city


def test_a_function_is_read_whole() -> None:
    reading = read(forecast, Context)
    assert (reading.name, reading.is_async, reading.returns) == ("forecast", True, str)
    assert (reading.context_parameter, reading.context_index) == ("ctx", 1)
    assert reading.doc.summary == "Forecast for a city."
    city, days = reading.parameters
    assert (city.name, city.annotation, city.default, city.description) == ("city", str, MISSING, "which one")
    assert (days.default, days.description, days.required) == (3, "how many", False)
    assert reading.where.endswith("in forecast()") and "test_parameters.py:" in reading.where


class Weather:
    def now(self, city: str) -> str:
        return city

    @staticmethod
    def later(city: str) -> str:
        return city

    async def __call__(self, city: str) -> str:
        """Tell."""
        return city


def test_bound_methods_partials_callables_and_lambdas_are_read() -> None:
    assert names(Weather().now) == ["city"]
    assert names(Weather.later) == ["city"]
    assert names(functools.partial(forecast, days=2)) == ["city", "days"]
    assert read(functools.partial(forecast, days=2), Context).is_async
    assert names(lambda a, b: a) == ["a", "b"]
    reading = read(Weather(), Context)
    assert reading.is_async and reading.doc.summary == "Tell."


def test_a_wrapped_function_keeps_its_own_signature() -> None:
    @functools.wraps(forecast)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return forecast(*args, **kwargs)

    assert names(wrapper) == ["city", "days"]
    assert read(wrapper, Context).is_async


@pytest.mark.parametrize("annotation", [Context, Special, Context | None, Annotated[Context, "the call"]])
def test_the_context_is_known_by_its_type(annotation: Any) -> None:
    def tool(a: int, c=None): ...

    tool.__annotations__["c"] = annotation
    reading = read(tool, Context)
    assert reading.context_parameter == "c"
    assert [parameter.name for parameter in reading.parameters] == ["a"]


def test_a_name_alone_makes_no_context() -> None:
    def tool(ctx: int): ...

    assert read(tool, Context).context_parameter is None


def test_the_context_goes_by_place_or_by_name() -> None:
    assert put_context(((1, 2), {}), "c", 1, "C") == ((1, "C", 2), {})
    assert put_context(((1,), {"b": 2}), "c", None, "C") == ((1,), {"b": 2, "c": "C"})
    assert put_context(((1,), {}), None, None, "C") == ((1,), {})


def test_an_annotation_may_name_a_class_of_the_function_that_registers() -> None:
    @dataclass
    class Local:
        a: int

    def tool(value: Local) -> list[Local]:
        raise NotImplementedError

    reading = read(tool, Context)
    assert reading.parameters[0].annotation is Local
    assert reading.returns == list[Local]


def test_a_default_of_none_makes_the_parameter_optional() -> None:
    def tool(a: int = None, b: Any = None, c: str | None = None): ...  # noqa: RUF013 - what users write

    a, b, c = read(tool, Context).parameters
    assert a.annotation == (int | None)
    assert b.annotation is Any
    assert c.annotation == (str | None)


def test_the_description_survives_the_implicit_optional() -> None:
    def tool(a: Annotated[int, "how many"] = None): ...  # noqa: RUF013 - what users write

    assert read(tool, Context).parameters[0].description == "how many"


def stars(*values: int): ...
def double_stars(**values: int): ...
def undefined(x: Nowhere): ...  # noqa: F821 - the point of the test
def only_for_checkers(x: Decimal): ...
def two_contexts(a: Context, b: Special): ...


@pytest.mark.parametrize(
    "function, reason",
    [
        (stars, r"^\*values has no schema; name each parameter"),
        (double_stars, r"^\*\*values has no schema; name each parameter"),
        (undefined, "name 'Nowhere' is not defined"),
        (only_for_checkers, "name 'Decimal' is not defined.*not only under TYPE_CHECKING"),
        (two_contexts, "both a and b are the context"),
        (Weather.now, "a method without its object .*register the bound method"),
    ],
)
def test_what_cannot_be_served_is_refused_with_its_place(function, reason: str) -> None:
    with pytest.raises(RegistrationError, match=reason) as caught:
        read(function, Context)
    assert "test_parameters.py:" in caught.value.where


def test_what_is_not_callable_is_refused() -> None:
    with pytest.raises(RegistrationError, match="3 is not a function"):
        read(3, Context)


def test_a_function_without_source_still_has_a_place() -> None:
    assert place(len) == "in len"


def test_an_async_generator_is_refused_and_a_plain_one_is_not() -> None:
    async def stream(n: int):
        yield n

    def numbers(n: int):
        yield n

    with pytest.raises(RegistrationError, match="an async generator has no one result"):
        read(stream, Context)
    assert names(numbers) == ["n"]


def test_a_context_imported_for_type_checkers_only_is_still_known() -> None:
    def tool(a: int, ctx): ...

    tool.__annotations__["ctx"] = "Faraway | None"
    faraway = type("Faraway", (), {})
    assert read(tool, faraway).context_parameter == "ctx"
