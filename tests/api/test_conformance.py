"""Requests that Schemathesis generates from the OpenAPI document: no error, nothing undocumented, no invalid input accepted."""

import pytest
from flask import Flask

from tests.api.client import Client
from webapp.settings.service import set_setting


@pytest.mark.slow
@pytest.mark.rounds
def test_whatever_is_sent_is_answered_as_the_document_says(app: Flask, admin: Client, fake) -> None:
    # Imported only for this test, because the import is slow.
    from tests.api.conforming import modes_of, operations, tried

    fake.says("Fine.")
    with app.app_context():
        for name in ("limits.streams_per_minute", "limits.concurrent_streams"):
            set_setting(name, "0")
    wanted = operations(app)
    assert len(wanted) > 70
    faults = [fault for number, operation in enumerate(wanted) for fault in tried(operation, admin, modes_of(number))]
    assert not faults, "\n\n".join(faults)
