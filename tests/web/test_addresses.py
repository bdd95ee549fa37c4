"""Cached URLs are the same as Flask's `url_for` returns."""

import pytest
from flask import Flask, url_for

from webapp.base.ids import new_id
from webapp.web.addresses import address


@pytest.mark.parametrize("endpoint", ["chat.raw", "chat.stop", "messages.show_version", "composer.rate"])
def test_it_is_the_address_that_flask_gives(app: Flask, endpoint: str) -> None:
    with app.test_request_context():
        for id in (new_id(), new_id()):
            assert address(endpoint, id) == url_for(endpoint, id=id)
