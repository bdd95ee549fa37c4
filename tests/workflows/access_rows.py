"""Who can access workflows and runs, and how these are created for each attempt."""

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.db import db
from webapp.chat.record.tables import Chat
from webapp.workflows import service as workflow_service
from webapp.workflows.running.interpreter import apply
from webapp.workflows.state import Event, RunState
from webapp.workflows.tables import WorkflowRun

TABLE = {
    ("people", ()): "GET runs.index signed_in",
    ("any name", ("workflow",)): """
        POST runs.start signed_in
        GET workflows.export signed_in
        GET workflows.show signed_in
    """,
    ("one's own", ("run",)): """
        GET runs.show signed_in
        GET runs.plan_events signed_in
        GET runs.show_move signed_in
        POST runs.move signed_in
        POST runs.note signed_in
        GET trials.show_trial signed_in
    """,
    ("one's own", ("run", "deed in a run")): "POST runs.do signed_in",
    ("one's own", ("run", "fact")): """
        GET runs.fact signed_in
        POST runs.change_fact signed_in
    """,
    ("admins", ()): """
        GET workflows.new admin_only
        POST workflows.save admin_only
        POST workflows.change admin_only
        POST workflows.check admin_only
        POST workflows.complete admin_only
        POST trials.happen admin_only
    """,
    ("open", ()): "GET workflows.schema anybody",
    ("person, an admin", ("chat",)): """
        GET proposals.new admin_only
        POST proposals.create admin_only
    """,
    ("looked after", ("workflow",)): """
        GET workflows.edit admin_only
        POST workflows.remove admin_only
    """,
}


@makes("workflow")
def workflow(_world: World, _state: str) -> str:
    return "weekly-checkin"


@makes("fact")
def fact(_world: World, _state: str) -> str:
    return "mood"


@makes("deed in a run")
def deed(_world: World, _state: str) -> str:
    return "pause"


@makes("run")
def run(world: World, state: str) -> str:
    """Adds a run that waits for an answer and already has one."""
    source = workflow_service.get("weekly-checkin").source
    definition = workflow_service.known(source)
    begun = apply(definition, RunState(), Event("begin")).state
    place = apply(definition, begun, Event("answer", "good")).state.stored()
    # Ends the read transaction: documents are read concurrently, and SQLite refuses to write from a stale snapshot.
    db.session.rollback()
    owner_id = world.whose(state)
    chat = added(Chat(title=CANARY, model="some/model", kind="workflow", owner_id=owner_id))
    pinned = {"slug": "weekly-checkin", "version": 1, "source": source, "status": "waiting"}
    return str(added(WorkflowRun(owner_id=owner_id, chat_id=chat.id, state=place, **pinned)).id)
