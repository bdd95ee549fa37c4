"""The workflow that a chat suggests: its first question becomes an answer to ask for, each later one a step. Pure."""

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from webapp.base import yaml_text
from webapp.base.languages import gettext as _
from webapp.base.words import shortened
from webapp.rendering.text import first_words
from webapp.workflows.definition.definition import END
from webapp.workflows.definition.slots import CONTROL

# What is proposed of a chat: so many steps, with so much text each.
MOST_PROPOSED, MOST_STEP_CHARS = 40, 1_500
MOST_TITLE, MOST_EXAMPLE, MOST_SENTENCES = 80, 200, 50
# What of the limits of a definition's text is used before a step is left out: the rest is for the person to add to.
SAFE_CHARS, SAFE_MARKS, SAFE_OPEN = yaml_text.MOST_CHARS // 2, yaml_text.MOST_MARKS // 3, yaml_text.MOST_OPEN // 2
# Two braces would begin the name of an answer.
BRACES = re.compile(r"\{(?=\{)")
MOST_DEPTH, ROUND = 5, str.maketrans("[{]}", "(())")
ANSWERS = re.compile(r"\{\{.*?\}\}")
MOST_NAME_WORDS, MOST_NAME, MOST_IN_ASK = 5, 30, 100
SLOT, ASK, UNTITLED = "question", "What is it about?", "Workflow"


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """A person's message in a chat, and the keys of the tools that were used to answer it."""

    text: str
    tools: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ProposedStep:
    """A step: what the model is told and can call; it can be left out."""

    text: str
    tools: Sequence[str] = ()
    is_chosen: bool = True


@dataclass(frozen=True, slots=True)
class Proposal:
    """A workflow as its form shows it; `example` is the chat's own first question, and the first step answers what is asked."""

    title: str
    steps: Sequence[ProposedStep]
    ask: str = ASK
    example: str = ""
    guidelines: str = ""
    model: str = ""


def proposal_of(title: str, questions: Iterable[ChatQuestion], *, guidelines: str = "", model: str = "") -> Proposal:
    """Returns what a chat with these questions suggests; steps that would make the text too long or deep are not chosen."""
    asked = [ChatQuestion(text, question.tools) for question in questions if (text := cleaned(question.text))][:MOST_PROPOSED]
    first, *later = asked or [ChatQuestion("")]
    steps = [ProposedStep("{{" + SLOT + "}}", first.tools), *(ProposedStep(question.text, question.tools) for question in later)]
    guidelines = _flat(cleaned(guidelines))
    example = " ".join(shortened(_flat(first.text), MOST_IN_ASK).split())
    return Proposal(
        ask=_("What would you like to ask? For example: “%(question)s”", question=example) if example else _(ASK),
        title=shortened(_flat(" ".join(cleaned(title).split())), MOST_TITLE) or UNTITLED,
        steps=_within_limits(steps, guidelines),
        example=shortened(_flat(first.text), MOST_EXAMPLE),
        guidelines=guidelines,
        model=model,
    )


def cleaned(text: str) -> str:
    """Returns a text of a chat as one for a definition, in which nothing begins the name of an answer."""
    lines = (line.rstrip() for line in CONTROL.sub("", text.replace("\r\n", "\n")).strip().split("\n"))
    return BRACES.sub("{ ", re.sub(r"\n{3,}", "\n\n", "\n".join(lines)))[:MOST_STEP_CHARS]


def _flat(text: str) -> str:
    """Returns a text that has no open or deep brackets, of which a definition can have only so many."""
    deepest, opened = yaml_text.brackets(text)
    return text.translate(ROUND) if opened or deepest > MOST_DEPTH else text


def written(proposal: Proposal, slug: str) -> str:
    """Returns the text of the workflow, with the steps that are chosen."""
    slot = {"type": "text", "ask": proposal.ask, **({"example": proposal.example} if proposal.example else {})}
    chosen = [step for step in proposal.steps if step.is_chosen and step.text.strip()]
    names = _names([step.text for step in chosen])
    steps = [_step(name, step, proposal.guidelines) for name, step in zip(names, chosen, strict=True)]
    definition: dict[str, Any] = {"workflow": slug, "title": proposal.title, "model": proposal.model, "slots": {SLOT: slot}}
    definition["steps"] = [{"collect": SLOT}, *steps]
    return yaml_text.written({name: value for name, value in definition.items() if value})


def free_slug(stem: str, taken: Iterable[str]) -> str:
    """Returns a short name that no workflow has."""
    known = set(taken)
    stem = f"from-{stem}"[:34] if not re.match("[a-z][a-z0-9-]", stem) else stem
    names = (stem if number < 2 else f"{stem}-{number}" for number in range(1, len(known) + 3))
    return next(name for name in names if name not in known)


def entered(proposal: Proposal, form: Mapping[str, str], tools: Mapping[int, Sequence[str]]) -> Proposal:
    """Returns a proposal with what was typed and chosen in its form; `tools` has those that each step keeps."""
    steps = [
        replace(
            step,
            text=form.get(f"text_{index}", step.text).replace("\r\n", "\n"),
            tools=[key for key in step.tools if key in tools.get(index, ())],
            is_chosen=f"keep_{index}" in form,
        )
        for index, step in enumerate(proposal.steps)
    ]
    texts = {name: form.get(name, getattr(proposal, name)).strip() for name in ("title", "ask", "guidelines")}
    return replace(proposal, steps=steps, **texts)


def _names(texts: Sequence[str]) -> list[str]:
    """Returns a name for each step: the first words of its text, by which it is found in the diagram and while it runs."""
    names = [SLOT, END]
    for number, text in enumerate(texts, 1):
        plain = unicodedata.normalize("NFKD", ANSWERS.sub("", text)).encode("ascii", "ignore").decode().lower()
        name = first_words(" ".join(re.findall("[a-z0-9]+", plain)[:MOST_NAME_WORDS]), MOST_NAME).strip("…").replace(" ", "_")
        name = name or "answer"
        is_taken = name in names or keyword.iskeyword(name) or re.fullmatch(r"[^a-z].*|step_\d+", name)
        names.append(f"step_{number}" if is_taken else name)
    return names[2:]


def _step(name: str, step: ProposedStep, guidelines: str) -> dict[str, Any]:
    about = {"id": name, "chat": step.text, "guidelines": guidelines, "tools": list(step.tools)}
    return {name: value for name, value in about.items() if value} | {"max_sentences": MOST_SENTENCES}


def _within_limits(steps: Sequence[ProposedStep], guidelines: str) -> list[ProposedStep]:
    """Chooses the steps that fit: together they mustn't be longer than a definition can be, or have too many brackets open."""
    chosen, chars, marks, open_before = list[ProposedStep](), 0, 0, 0
    for step in steps:
        size, marked = len(step.text) + len(guidelines), yaml_text.marks(step.text) + yaml_text.marks(guidelines)
        deepest, opened = yaml_text.brackets(step.text)
        is_fit = chars + size <= SAFE_CHARS and marks + marked <= SAFE_MARKS and open_before + deepest <= SAFE_OPEN
        if is_fit:
            chars, marks, open_before = chars + size, marks + marked, max(0, open_before + opened)
        chosen.append(replace(step, is_chosen=is_fit))
    return chosen
