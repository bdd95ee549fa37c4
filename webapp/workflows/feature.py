"""The workflows feature: its pages, its commands, and the kinds of generation that lead its chats."""

from webapp.feature import Feature
from webapp.web.places import Place
from webapp.workflows import editor_views, preview_views, views
from webapp.workflows.interpretation import WORKFLOW_ANSWER
from webapp.workflows.kind import WORKFLOW
from webapp.workflows.plan_kind import WORKFLOW_PLAN
from webapp.workflows.prompts import STEP
from webapp.workflows.sections import of_run
from webapp.workflows.shown import LEADER

FEATURE = Feature(
    blueprints=(views.bp, editor_views.bp, preview_views.bp),
    commands={"workflow": "webapp.workflows.commands:workflow"},
    sections=(of_run,),
    brings=(WORKFLOW, WORKFLOW_PLAN, WORKFLOW_ANSWER, LEADER, STEP),
    places=(
        Place(words="Workflows", path="/workflows", icon="workflow", rank=65, also="steps guided run", sidebar=("/workflows",)),
    ),
)
