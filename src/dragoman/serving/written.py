"""Tools whose schemas were written by hand: what comes in and goes out is checked against them, at every call.

Loaded when the first such tool is registered; all other tools cost nothing. Arguments that do not fit are told to the
model as any other fault is. Limit: nothing is mended here, since such a schema says more than types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, structs

from dragoman.errors import RegistrationError
from dragoman.protocol.validator import Validator
from dragoman.protocol.violations import Violation
from dragoman.serving.faults import ArgumentFaults, Fault, OutputMismatch, suggestion
from dragoman.serving.outputs import Encode
from dragoman.serving.parameters import Arguments
from dragoman.serving.signature import Decode, Plan
from dragoman.wire.tools import CallToolResult

PROMISE = "output schema"


def checked(plan: Plan, arguments: Mapping[str, Any] | None, result: Mapping[str, Any] | None) -> Plan:
    """Return `plan` with arguments and results checked against these schemas, where there is one.

    Raises RegistrationError for a schema that is none, or that cannot be checked in bounds.
    """
    if arguments:
        takes = _validator("input", arguments, plan.where)
        plan = structs.replace(plan, decode=_decode(takes, plan.decode, plan.context_parameter))
    if result:
        gives = _validator("output", result, plan.where)
        plan = structs.replace(plan, encode=_encode(gives, plan.encode, plan.where))
    return plan


def _validator(what: str, schema: Mapping[str, Any], where: str) -> Validator:
    try:
        return Validator(schema, own=True, of_object=what == "input")
    except ValueError as fault:
        raise RegistrationError(f"the {what} schema: {fault}", where=where) from None


def _decode(validator: Validator, decode: Decode, context: str | None) -> Decode:
    def checked_decode(raw: bytes | msgspec.Raw) -> Arguments:
        data = bytes(raw)
        try:
            value = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ArgumentFaults([Fault("$", "an object in JSON", hint=str(error))]) from error
        if violations := validator.violations(value, data):
            raise ArgumentFaults([fault_of(violation) for violation in violations])
        if context is not None and context in value:
            raise ArgumentFaults([Fault(f"$.{context}", "no argument of this name", hint="the server fills it in")])
        return decode(data)

    return checked_decode


def _encode(validator: Validator, encode: Encode, where: str) -> Encode:
    def checked_encode(value: Any) -> CallToolResult:
        result = encode(value)
        if result.is_error is True:
            return result
        structured = result.structured_content
        if structured is UNSET:
            raise OutputMismatch(Fault("$", "structured content", "none"), where=where, promise=PROMISE)
        data = bytes(structured) if isinstance(structured, msgspec.Raw) else msgspec.json.encode(structured)
        if violations := validator.violations(msgspec.json.decode(data), data):
            raise OutputMismatch(fault_of(violations[0]), where=where, promise=PROMISE)
        return result

    return checked_encode


def fault_of(violation: Violation) -> Fault:
    """Return a violation as a fault, with the nearest name or value that would be right."""
    hint = violation.hint
    if not hint and violation.meant:
        hint = suggestion(violation.meant[0], violation.meant[1:])
    return Fault(violation.path, violation.expected, violation.got, hint)
