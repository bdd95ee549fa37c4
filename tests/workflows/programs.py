"""Programs that run workflows."""

from typing import Any

from tests.api.client import Client
from tests.support.waiting import seen


def published(admin: Client, definition: str) -> str:
    """Where runs of a new workflow are begun."""
    slug = admin.post("/workflows", {"definition": definition}, status=201)["slug"]
    admin.post(f"/workflows/{slug}/publish", {})
    return f"/workflows/{slug}/runs"


def settled(program: Client, run: dict[str, Any]) -> dict[str, Any]:
    """The run as soon as no model writes in it."""
    return dict(seen(lambda: program.get(f"/runs/{run['id']}"), lambda found: found["state"] != "running"))
