"""Schemathesis, which generates requests from the OpenAPI document and reports what is wrong with the responses."""

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed as seeded, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.client import Client
from tests.support.rounds import ROUNDS

# Streams that only end when the client disconnects.
ENDLESS = {"api_roleplay_listen"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
]
# A request that is too large is refused before its content is validated.
REFUSALS = {"negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]}}
CONFIG = SchemathesisConfig.from_dict({"checks": REFUSALS})
EXAMPLES = 2 if ROUNDS > 1 else 1
FEW = settings(
    max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


def operations(app: Flask) -> list[schemathesis.APIOperation]:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, config=CONFIG)
    found = {operation.ok().definition.raw["operationId"]: operation.ok() for operation in schema.get_all_operations()}
    # A view with a second path is tested only once.
    return [operation for id, operation in found.items() if id not in ENDLESS and not id[-1].isdigit()]


def modes_of(number: int) -> list[GenerationMode]:
    """Returns whether valid or invalid requests are sent to an operation: in a single round one of the two, by turns."""
    modes = list(GenerationMode)
    return modes if ROUNDS > 1 else [modes[number % len(modes)]]


def tried(operation: schemathesis.APIOperation, caller: Client, modes: list[GenerationMode]) -> list[str]:
    """Sends a few requests of these modes; returns what was wrong with the responses."""
    faults = []
    for mode in modes:

        @seeded(7)
        @FEW
        @given(case=operation.as_strategy(mode))
        def check(case: Case) -> None:
            case.call_and_validate(headers={"Accept-Encoding": "identity", **caller.headers}, checks=CHECKS)

        try:
            check()
        except Unsatisfiable:
            # The operation has no input that could be invalid.
            continue
        except FailureGroup as group:
            faults.append(f"{operation.label}, {mode.value}: {[str(exception) for exception in group.exceptions]}")
    return faults
