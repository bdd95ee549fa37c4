"""The workflows feature: its pages, its commands, and the kinds of generation that lead its chats."""

from webapp.chat.prompt.context import Contributor
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry
from webapp.workflows.running.interpretation import WORKFLOW_ANSWER
from webapp.workflows.running.kind import WORKFLOW, WORKFLOW_PLAN
from webapp.workflows.running.step_prompt import STEP, run_sections
from webapp.workflows.shown import LEADER, open_work
from webapp.workspace.home.open_work_shown import OpenWorkSource

FEATURE = Feature(
    blueprints=(
        "webapp.workflows.views:bp",
        "webapp.workflows.editor.views:bp",
        "webapp.workflows.editor.trial_views:bp",
        "webapp.workflows.editor.proposal_views:bp",
    ),
    requires={"runs": "workflows", "workflows": "workflows", "proposals": "workflows", "workflows.schema": ""},
    commands={"workflow": "webapp.workflows.commands:workflow"},
    brings=(WORKFLOW, WORKFLOW_PLAN, WORKFLOW_ANSWER, LEADER, STEP, Contributor(run_sections), OpenWorkSource(open_work)),
    navigation=(
        NavEntry(
            title="Workflows",
            path="/workflows",
            icon="workflow",
            rank=65,
            also="steps guided run",
            sidebar="Plans & workflows",
            right="workflows",
        ),
    ),
)
