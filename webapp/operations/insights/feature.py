"""The insights feature: its pages, a command, and a background job that sums up days."""

from webapp.operations.insights import days, example_answers, trace_exporter
from webapp.prompts.shown import PromptCounts
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=("webapp.operations.insights.views:bp",),
    brings=(example_answers.KIND, PromptCounts(days.of_days), days.DEPARTURE),
    commands={"insights": "webapp.operations.insights.commands:insights"},
    resumes=(days.wake,),
    setting_checks={"insights.otlp_url": trace_exporter.check_url},
    navigation=(
        NavEntry(
            title="Insights",
            path="/insights",
            icon="gauge",
            rank=59,
            also="statistics success speed latency fallback",
            also_under="Models",
            about="The number, quality and speed of answers.",
        ),
    ),
)
