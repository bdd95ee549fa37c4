"""The plans feature: the pages, the plan types, and the kind of generation for plans."""

from webapp.engine.engine import the_engine
from webapp.engine.watching.lists import GrowingRows, LiveList
from webapp.plans import queries
from webapp.plans.pages import shown
from webapp.plans.writing import service as plan_service
from webapp.plans.writing.kind import PLAN
from webapp.plans.writing.model_requests import OF_PLANS
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry
from webapp.workspace.home.open_work_shown import OpenWorkSource

FEATURE = Feature(
    blueprints=("webapp.plans.pages.views:bp", "webapp.plans.pages.views:files", "webapp.plans.types.views:bp"),
    requires={"plans": "plans", "plan_files": "plans"},
    brings=(
        PLAN,
        *OF_PLANS,
        OpenWorkSource(shown.open_work),
        plan_service.DEPARTURE,
        LiveList(
            name="plans",
            element="#plans",
            template="plans/_rows.html",
            changes=("plan",),
            read=lambda me: {"plans": [shown.listed(the_engine(), plan) for plan in queries.plans_of(me.id)]},
            requires="plans",
            rows=GrowingRows(
                template="plans/_row.html",
                event="element",
                generations=queries.running_generations,
                read=lambda id: {"plan": plan} if (plan := shown.row(the_engine(), id)) else {},
            ),
        ),
    ),
    navigation=(
        NavEntry(
            title="Plans",
            path="/plans",
            icon="list-checks",
            rank=60,
            also="project make",
            right="plans",
            sidebar="Plans & workflows",
        ),
        NavEntry(
            title="Plan types",
            path="/admin/plan-types",
            icon="layout-template",
            under="Advanced",
            rank=10,
            also="schema",
            right="administer",
            about="The types of plans that people can create.",
        ),
    ),
)
