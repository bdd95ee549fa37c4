"""The experiments feature: its pages, and a background job that checks running experiments."""

from webapp.operations.experiments import monitoring
from webapp.operations.experiments.tryouts import TRYOUT
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=("webapp.operations.experiments.views:bp", "webapp.operations.experiments.tryout_views:bp"),
    brings=(TRYOUT,),
    resumes=(monitoring.wake,),
    navigation=(
        NavEntry(
            title="Experiments",
            path="/experiments",
            icon="flask-conical",
            under="Advanced",
            rank=20,
            also="prompt versions compare ab test winner",
            right="administer",
            about="Which version of a prompt gives better answers.",
        ),
    ),
)
