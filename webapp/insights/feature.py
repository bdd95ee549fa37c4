"""What insights bring: their pages."""

from webapp.feature import Feature
from webapp.insights import views
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(views.bp,),
    places=(
        Place(
            words="Insights",
            path="/insights",
            icon="gauge",
            rank=59,
            also="statistics success speed latency fallback",
        ),
    ),
)
