"""The built-in prompt of workflows, which admins can change. Pure."""

from webapp.prompts.built_in import BuiltIn

STEP = BuiltIn(
    key="workflow.step",
    about="Leads what models say in workflows, before the task of the step. Says nothing until you publish a version.",
    load=tuple,
    takes=("temperature",),
    is_optional=True,
    is_answered=True,
    leads_chats=True,
)
