"""URLs of objects with an id, built once per route because a page has hundreds of them."""

from functools import cache

from flask import url_for

PLACE = "0" * 26


def address(endpoint: str, id: str) -> str:
    """What `url_for` gives for an id of ours, which needs no quoting."""
    return _pattern(endpoint).replace(PLACE, id)


@cache
def fixed(endpoint: str) -> str:
    """The same of a route that names no object."""
    return url_for(endpoint)


@cache
def _pattern(endpoint: str) -> str:
    return url_for(endpoint, id=PLACE)
