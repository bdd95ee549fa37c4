"""Programs that run workflows."""

from typing import Any

import gevent

from tests.api.client import Client


def published(admin: Client, definition: str) -> str:
    """Where runs of a new workflow are begun."""
    slug = admin.post("/workflows", {"definition": definition}, status=201)["slug"]
    admin.post(f"/workflows/{slug}/publish", {})
    return f"/workflows/{slug}/runs"


def settled(program: Client, run: dict[str, Any]) -> dict[str, Any]:
    """The run as soon as no model writes in it."""
    with gevent.Timeout(30, AssertionError("a model still writes")):
        while (found := program.get(f"/runs/{run['id']}"))["state"] == "running":
            gevent.sleep(0.02)
    return dict(found)
