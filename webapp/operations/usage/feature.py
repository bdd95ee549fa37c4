"""The usage feature: its page for admins."""

from webapp.operations.usage import views
from webapp.web.feature import Feature
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(views.bp,),
    places=(
        Place(
            words="Usage",
            path="/admin/usage",
            icon="chart-column",
            under="People",
            rank=30,
            also="cost tokens money spent",
            right="administer",
            about="Answers, tokens and cost",
        ),
    ),
)
