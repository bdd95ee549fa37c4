"""The usage feature: its page for admins."""

from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=("webapp.operations.usage.views:bp",),
    navigation=(
        NavEntry(
            title="Usage",
            path="/admin/usage",
            icon="chart-column",
            under="Costs",
            rank=30,
            also="cost tokens money spent",
            right="administer",
            about="Answers, tokens and cost, by person and by model.",
        ),
    ),
)
