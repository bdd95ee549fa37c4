"""The forms of projects: what they are, who is in them, and to which one a chat moves."""

from collections.abc import Mapping, Sequence
from typing import Any, Self, get_args

from wtforms import BooleanField, FileField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from webapp.base.languages import gettext as _
from webapp.characters import queries as character_queries
from webapp.chat.imports import MOST_PROJECT_BYTES
from webapp.chat.record.fields import FIELDS
from webapp.chat.record.tables import Project
from webapp.knowledge import queries as knowledge_queries
from webapp.models.connections.models import candidates
from webapp.people.accounts.tables import User
from webapp.people.search import SearchQuery
from webapp.people.things.seen import MOST_LISTED
from webapp.tools.offers import tools_of
from webapp.tools.policies import policies_for
from webapp.web.forms import PLAIN, Form, InputForm
from webapp.web.merging_form import MergingForm
from webapp.web.pick_field import PickField
from webapp.workspace.projects.service import Colour, Icon, ProjectInput, ProjectParameters

PARAMETERS = tuple(ProjectParameters.model_fields)
# The fields of each form of a project's page, by the part that its address names.
DETAILS = "details"
PARTS: Mapping[str, Sequence[str]] = {
    DETAILS: ("name", "icon", "colour", "about", "keeps_chats"),
    "instructions": ("instructions",),
    "start": ("model", *PARAMETERS, "collection_ids", "character_ids", "tools"),
}
EFFORTS = next(field.choices for field in FIELDS if field.name == "effort")


class ProjectForm(InputForm[ProjectInput], MergingForm):
    """All that a project is. What is empty among the parameters is left to the chats."""

    takes = ProjectInput
    name = StringField("Name", id="project-name", render_kw={"autocomplete": "off"})
    icon = RadioField("Icon", choices=[SelectChoice(name, name.replace("-", " ") or "folder") for name in get_args(Icon)])
    colour = RadioField("Color", choices=[SelectChoice(name, name or "none") for name in get_args(Colour)])
    about = TextAreaField("Description", id="project-about", render_kw={"rows": 2})
    instructions = TextAreaField(
        "Instructions",
        id="project-instructions",
        description="The model follows these in every chat of this project, before the chat's own instructions.",
        render_kw={"rows": 8},
    )
    model = PickField("Model for new chats", id="project-model", choices=[])
    temperature = StringField("Temperature", render_kw={**PLAIN, "inputmode": "decimal", "placeholder": "Model default"})
    top_p = StringField("Top-p", render_kw={**PLAIN, "inputmode": "decimal", "placeholder": "Model default"})
    max_tokens = StringField("Max tokens", render_kw={**PLAIN, "inputmode": "numeric", "placeholder": "No limit"})
    effort = SelectField("Thinking", choices=[SelectChoice(*choice) for choice in EFFORTS.items()], validate_choice=False)
    collection_ids = SelectMultipleField(
        "Collections", id="project-collections", description="Answers can quote them for people who can see them."
    )
    character_ids = SelectMultipleField(
        "Characters", id="project-characters", description="Suggested first in new chats, for people who can see them."
    )
    tools = SelectMultipleField("Tools", id="project-tools", description="Answers can use them if the person is allowed to.")
    keeps_chats = BooleanField("Keep its chats, no matter how old they are")

    @classmethod
    def for_project(cls, project: Project) -> Self:
        parameters = {name: str(value) for name, value in project.parameters.items()}
        return cls.from_row(project, **dict.fromkeys(PARAMETERS, "") | parameters)

    def offering(self, user: User, project: Project | None = None) -> Self:
        """Returns the form with what this person can choose, and with the tools that the project has already."""
        policies, tools = policies_for(user), tools_of(user)
        titles = {key: tool.words for key, tool in tools.items() if policies.of(tool) != "deny"}
        titles |= {key: key for key in (project.tools if project else ()) if key not in titles}
        self.tools.choices = [SelectChoice(*choice) for choice in titles.items()]
        collections = knowledge_queries.to_choose(user)
        self.collection_ids.choices = [SelectChoice(collection.id, collection.name) for collection in collections]
        characters = character_queries.SEEN_CHARACTERS.named(user, SearchQuery(""), limit=MOST_LISTED)
        self.character_ids.choices = [SelectChoice(row.id, row.name) for row in characters]
        self.model.offering(candidates, [("", _("Each person's own"))])
        return self

    @property
    def values(self) -> dict[str, Any]:
        typed = {name: (self[name].data or "").strip().replace(",", ".") for name in PARAMETERS}
        # By themselves, so that what is wrong is said at its field.
        parameters = ProjectParameters.entered({name: value for name, value in typed.items() if value})
        return super().values | {"model": self.model.chosen, "parameters": parameters}


class NewProjectForm(InputForm[ProjectInput]):
    """A new project: the rest has a usual value."""

    takes = ProjectInput
    name = StringField("Name", id="project-name", render_kw={"autocomplete": "off"})
    instructions = TextAreaField(
        "Instructions",
        id="project-instructions",
        description="The model follows these in every chat of this project. You can add files, tools and people later.",
        render_kw={"rows": 4},
    )


class ArchiveForm(Form):
    file = FileField(
        "ZIP file",
        description=f"The .zip file of a project, of up to {MOST_PROJECT_BYTES // 1024 // 1024} MB.",
        id="project-file",
    )
