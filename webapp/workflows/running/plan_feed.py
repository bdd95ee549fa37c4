"""The feed that shows a plan in the run's chat while it is being written."""

from flask import Response

from webapp.engine.engine import the_engine
from webapp.engine.watching import watchers
from webapp.engine.watching.watcher_loop import watch
from webapp.engine.watching.watchers import Context
from webapp.people.accounts.guards import user_or_none
from webapp.people.accounts.tables import User
from webapp.plans.feed import PlanFeed, PlanPosition
from webapp.workflows import queries
from webapp.workflows.tables import WorkflowRun


class RunPlanFeed(PlanFeed):
    """The feed of a plan that is a part of a chat's page."""

    template, is_page = "workflows/_plan.html", False


def stream(run: WorkflowRun, me: User) -> Response:
    context = watchers.same_request()
    feed = RunPlanFeed(the_engine(), run.plan_id or "", me.id, PlanPosition.parse(watchers.position()), context)
    return watch(feed, watchers.watcher(me.id, context, _is_theirs, run.id, me.id))


def _is_theirs(context: Context, run_id: str, id: str) -> bool:
    with context():
        user = user_or_none()
        return user is not None and user.id == id and queries.own_run(id, run_id) is not None
