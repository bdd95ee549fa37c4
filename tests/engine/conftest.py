"""Fixtures: an application whose models are served by the scripted upstream."""

from tests.upstream.fixtures import app

__all__ = ["app"]
