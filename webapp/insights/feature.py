"""The insights feature: its pages, a command, and a background job that sums up days."""

from webapp.feature import Feature
from webapp.insights import history, prompt_counts, summing, traces, views
from webapp.prompts.trends import PromptCounts
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(views.bp,),
    brings=(history.KIND, PromptCounts(prompt_counts.of_days)),
    commands={"insights": "webapp.insights.commands:insights"},
    resumes=(summing.wake,),
    setting_checks={"insights.otlp_url": traces.check_url},
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
