"""The three docstring styles, and that nothing breaks the reader."""

from hypothesis import example, given
from hypothesis import strategies as st

from dragoman.serving.docstrings import MAX_CHARS, parse


def test_google_sections_give_parameters_and_leave_the_rest() -> None:
    doc = parse(
        """Forecast for a city.

        Uses the national service.

        Args:
            city: Name of the city,
                as the locals write it.
            days (int, optional): How many days: 1 to 7.
            **extra: Ignored.

        Returns:
            One entry a day.
        """
    )
    assert doc.summary == "Forecast for a city.\n\nUses the national service.\n\nReturns:\n    One entry a day."
    assert doc.parameters == {
        "city": "Name of the city, as the locals write it.",
        "days": "How many days: 1 to 7.",
        "extra": "Ignored.",
    }


def test_numpy_sections_give_parameters_and_leave_the_rest() -> None:
    doc = parse(
        """Forecast for a city.

        Parameters
        ----------
        city : str
            Name of the city.
        lat, lon : float, optional
            Where it is.

            In degrees.

        Returns
        -------
        list
            One entry a day.
        """
    )
    assert doc.summary == "Forecast for a city.\n\nReturns\n-------\nlist\n    One entry a day."
    assert doc.parameters == {
        "city": "Name of the city.",
        "lat": "Where it is. In degrees.",
        "lon": "Where it is. In degrees.",
    }


def test_rest_fields_give_parameters_and_types_are_dropped() -> None:
    doc = parse(
        """Forecast for a city.

        :param city: Name of the city,
            as the locals write it.
        :param int days: How many days.
        :type city: str
        :return: One entry a day.
        :rtype: list
        """
    )
    assert doc.summary == "Forecast for a city.\n\n:return: One entry a day."
    assert doc.parameters == {"city": "Name of the city, as the locals write it.", "days": "How many days."}


def test_a_plain_text_is_the_summary() -> None:
    assert parse("Adds.\n\n    Note: args are numbers.").summary == "Adds.\n\nNote: args are numbers."
    assert parse("Adds.").parameters == {}
    assert parse(None).summary == parse("").summary == ""


def test_the_word_parameters_without_a_rule_is_prose() -> None:
    assert parse("Parameters\nare numbers").summary == "Parameters\nare numbers"
    assert parse("Parameters\n---\na : int\n  The number.").parameters == {"a": "The number."}


def test_text_over_the_limit_is_not_read() -> None:
    assert len(parse("x" * (MAX_CHARS + 10)).summary) == MAX_CHARS


LINES = st.sampled_from(
    [
        "Args:",
        "  a: one",
        "    two",
        "b (int): x",
        "Parameters",
        "-----",
        ":param x: y",
        ":type",
        "",
        "prose",
        "  (x): y",
    ]
)


@given(st.one_of(st.text(), st.lists(LINES).map("\n".join)))
@example("Args:")
@example(":param:")
@example("Parameters\n---")
def test_any_text_is_read_without_a_fault(text: str) -> None:
    doc = parse(text)
    assert all(name and value for name, value in doc.parameters.items())
