"""URLs of objects with an id, built once per route because a page has hundreds of them."""

from functools import cache

from flask import url_for

STAND_IN = "0" * 26


def address(endpoint: str, id: str) -> str:
    """Returns the URL that `url_for` builds for one of our ids, which need no escaping."""
    return _pattern(endpoint).replace(STAND_IN, id)


@cache
def fixed(endpoint: str) -> str:
    """Returns the URL of a route without parameters."""
    return url_for(endpoint)


@cache
def _pattern(endpoint: str) -> str:
    return url_for(endpoint, id=STAND_IN)
