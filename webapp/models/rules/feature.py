"""The feature definition of rules: their page in the administration, and the check of their setting."""

from webapp.models.rules import service
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    setting_checks={service.SETTING: service.check},
    blueprints=("webapp.models.rules.views:bp",),
    navigation=(
        NavEntry(
            title="Rules",
            path="/admin/rules",
            icon="git-branch",
            under="Models",
            rank=22,
            also="route model by length pictures group hour before fallback",
            right="administer",
            about="Which model answers what, before the fallbacks.",
        ),
    ),
)
