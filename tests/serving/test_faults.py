"""Faults as a model reads them."""

from dragoman.errors import LocalError, McpError, RequestError
from dragoman.serving.faults import MAX_FAULTS, ArgumentFaults, Fault, OutputMismatch, shorten


def test_a_fault_names_place_expectation_value_and_remedy() -> None:
    fault = Fault("$.unit", 'one of "C", "F"', '"K"', "did you mean 'C'?")
    assert str(fault) == '$.unit: expected one of "C", "F", got "K"; did you mean \'C\'?'
    assert str(Fault("$.a", "", "3", "must be even")) == "$.a: got 3; must be even"
    assert str(Fault("$.a", "integer")) == "$.a: expected integer"


def test_each_fault_has_a_line() -> None:
    both = ArgumentFaults([Fault("$.a", "integer", '"x"'), Fault("$.b", "string", "nothing")])
    assert str(both) == (
        'The arguments have 2 faults:\n- $.a: expected integer, got "x"\n- $.b: expected string, got nothing'
    )
    assert str(ArgumentFaults(both.faults[:1])).splitlines()[0] == "The arguments have a fault:"


def test_a_thousand_faults_do_not_cost_a_thousand_lines() -> None:
    many = ArgumentFaults([Fault(f"$.a{n}", "integer") for n in range(1000)])
    assert len(many.faults) == 1000
    assert str(many).splitlines()[-1] == f"- and {1000 - MAX_FAULTS} more"


def test_faults_are_not_errors_of_the_protocol() -> None:
    assert issubclass(ArgumentFaults, McpError)
    assert not issubclass(ArgumentFaults, RequestError)
    assert issubclass(OutputMismatch, LocalError)


def test_long_values_are_cut() -> None:
    assert shorten("x" * 100, 10) == "xxxxxxxxxx... (100 characters)"
    assert shorten("x" * 10, 10) == "x" * 10
