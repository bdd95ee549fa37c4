"""What serves other systems: the APIs of older clients and of OpenAI, the tools for clients, and the flows of Rasa."""

from webapp.guests.dialects.openai import program_rounds
from webapp.guests.dialects.openai.completions import DOOR
from webapp.web.feature import Feature
from webapp.workflows.foreign import FlowImporter

FEATURE = Feature(
    blueprints=(
        "webapp.guests.dialects.roleplay.views:bp",
        "webapp.guests.dialects.quick.views:bp",
        "webapp.guests.dialects.threads.views:bp",
        "webapp.guests.dialects.assistant:bp",
        "webapp.guests.dialects.plans.views:bp",
        "webapp.guests.dialects.openai.views:bp",
    ),
    requires={
        # What begins an answer, or has one begin later.
        **dict.fromkeys(("api_quick", "api_assistant", "api_roleplay.send", "api_door.complete"), "chat"),
        **dict.fromkeys(("api_threads.send", "api_threads.send_and_watch"), "chat"),
        "api_plans": "plans",
    },
    commands={
        "lint-sse": "webapp.guests.client_tools.commands:lint_sse",
        "smoke": "webapp.guests.client_tools.commands:smoke",
    },
    resumes=(program_rounds.wake,),
    brings=(DOOR, FlowImporter("webapp.guests.rasa:is_rasa", "webapp.guests.rasa:in_threads")),
)
