"""What the last generation of a plan has said, as far as that is kept: its words while it lacks something, else the plan."""

from webapp.chat.said import Said, started_of
from webapp.generations.tables import Generation
from webapp.plans.export import as_json
from webapp.plans.tables import Plan


def of(generation: Generation, plan: Plan) -> Said:
    """Of one that has ended; nothing of one after which another has gone on."""
    is_last = plan.generation_id == generation.id
    text = plan.partial_content or (as_json(plan.content) if plan.content else "")
    return Said(started_of(generation), text if is_last else "")
