"""Who is let in where in workflows, as in `matrix.py`."""

from typing import Any

WORKFLOWS: dict[str, tuple[Any, ...]] = {
    "runs.index": ("GET", "signed_in", "people"),
    "runs.start": ("POST", "signed_in", "any name", ("workflow",)),
    "runs.show": ("GET", "signed_in", "one's own", ("run",)),
    "runs.do": ("POST", "signed_in", "one's own", ("run", "deed in a run")),
    "runs.plan_events": ("GET", "signed_in", "one's own", ("run",)),
    "runs.show_move": ("GET", "signed_in", "one's own", ("run",)),
    "runs.move": ("POST", "signed_in", "one's own", ("run",)),
    "runs.note": ("POST", "signed_in", "one's own", ("run",)),
    "runs.fact": ("GET", "signed_in", "one's own", ("run", "fact")),
    "runs.change_fact": ("POST", "signed_in", "one's own", ("run", "fact")),
    "workflows.new": ("GET", "admin_only", "admins"),
    "workflows.schema": ("GET", "anybody", "open"),
    "workflows.edit": ("GET", "admin_only", "looked after", ("workflow",)),
    "workflows.save": ("POST", "admin_only", "admins"),
    "workflows.check": ("POST", "admin_only", "admins"),
    "workflows.complete": ("POST", "admin_only", "admins"),
    "trials.happen": ("POST", "admin_only", "admins"),
    "trials.show": ("GET", "signed_in", "one's own", ("run",)),
    "workflows.export": ("GET", "signed_in", "any name", ("workflow",)),
    "workflows.remove": ("POST", "admin_only", "looked after", ("workflow",)),
}
