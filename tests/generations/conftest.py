"""An application whose models live in the upstream that does as it is told."""

from tests.upstream.fixtures import app

__all__ = ["app"]
