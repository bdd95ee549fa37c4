"""The budgets feature: its pages."""

from webapp.operations.budgets import notices
from webapp.operations.budgets.service import check_time_zone
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=("webapp.operations.budgets.views:bp",),
    resumes=(notices.wake,),
    setting_checks={"team.time_zone": check_time_zone},
    navigation=(
        NavEntry(
            title="Budgets",
            path="/admin/budgets",
            icon="wallet",
            under="Costs",
            rank=32,
            also="limit cost money tokens spend",
            right="administer",
            about="Limits on money, tokens and answers, for people and groups.",
        ),
    ),
)
