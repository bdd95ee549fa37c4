"""API clients that run workflows."""

from typing import Any

from tests.api.client import Client
from tests.support.waiting import seen


def published(admin: Client, definition: str) -> str:
    """Publishes a workflow and returns the path at which its runs are begun."""
    slug = admin.post("/workflows", {"definition": definition}, status=201)["slug"]
    admin.post(f"/workflows/{slug}/publish", {})
    return f"/workflows/{slug}/runs"


def settled(program: Client, run: dict[str, Any]) -> dict[str, Any]:
    """Returns the run once no model is writing in it."""
    return dict(seen(lambda: program.get(f"/runs/{run['id']}"), lambda found: found["state"] != "running"))
