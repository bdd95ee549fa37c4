"""The experiments feature: its pages, and a background job that checks running experiments."""

from webapp.experiments import checking, trying_views, views
from webapp.experiments.trying import TRYOUT
from webapp.feature import Feature
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(views.bp, trying_views.bp),
    brings=(TRYOUT,),
    resumes=(checking.wake,),
    places=(
        Place(
            words="Experiments",
            path="/experiments",
            icon="flask-conical",
            under="Models",
            rank=40,
            also="prompt versions compare ab test winner",
            right="administer",
            about="Which version of a prompt does better",
        ),
    ),
)
