"""A plan type as a mapping, of which each plan keeps a copy. Pure."""

from typing import Any, NotRequired, TypedDict


class PlanAbout(TypedDict):
    """A plan type as its YAML describes it; the copy that a plan keeps also has the slug of its `type`.

    `inputs` and `plan` are schemas, `sample` and `example` values for them. `calendar` names what the dates follow from.
    """

    title: str
    prompt: str
    inputs: dict[str, Any]
    plan: dict[str, Any]
    description: NotRequired[str]
    calendar: NotRequired[dict[str, Any]]
    sample: NotRequired[dict[str, Any]]
    example: NotRequired[dict[str, Any]]
    type: NotRequired[str]
