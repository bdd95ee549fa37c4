"""The documentation feature: the pages of `docs/` in the app."""

from webapp.shell.docs import views
from webapp.web.feature import Feature
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(views.bp,),
    places=(
        Place(
            words="Documentation",
            path="/docs",
            icon="book-open",
            rank=120,
            also="docs api examples configuration troubleshooting",
        ),
    ),
)
