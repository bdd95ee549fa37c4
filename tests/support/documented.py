"""A client that fails when a response does not match the API's OpenAPI document."""

from collections import defaultdict
from typing import Any

from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from webapp.api.operations import operation_of
from webapp.api.responses import responses


class DocumentedClient(FlaskClient):
    def open(self, *args: Any, **more: Any) -> TestResponse:
        response = super().open(*args, **more)
        asked = response.request
        try:
            rule, _ = self.application.url_map.bind_to_environ(asked.environ).match(return_rule=True)
        except HTTPException:
            return response
        operation = operation_of(self.application.view_functions[rule.endpoint])
        if operation and asked.method != "OPTIONS":
            known = responses(operation, has_names=bool(rule.arguments), refs=defaultdict(dict))
            assert str(response.status_code) in known, f"{asked.method} {rule}: {response.status} is not in the document"
        return response
