"""The built-in prompt of workflows, which admins can change. Pure."""

from webapp.prompts.built_in import BuiltIn

STEP = BuiltIn(
    key="workflow.step",
    title="Workflow steps",
    about="The system prompt of workflows, before the task of each step. Empty until you publish a version.",
    load=tuple,
    takes=("temperature",),
    is_optional=True,
    is_answered=True,
    leads_chats=True,
)
