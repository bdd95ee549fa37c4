"""The story so far of a chat, in the settings panel and on a page of its own."""

from typing import Any

from flask import Blueprint, Response, render_template, url_for
from wtforms import StringField, TextAreaField

from webapp.base.languages import gettext as _
from webapp.chat.prompt.path_story import MOST_CHARS, PathStory
from webapp.chat.record.access import own_chat
from webapp.chat.record.tables import Chat
from webapp.chat.story import service
from webapp.models.connections.models import the_models
from webapp.people.accounts.guards import current_user, signed_in
from webapp.rendering.part import part
from webapp.web.forms import Form
from webapp.web.htmx import fragment, is_htmx, redirect, render


class StoryForm(Form):
    # Each field has an explicit id, because the form is on the same page as the composer.
    text = TextAreaField("Summary", id="story-text", default="", render_kw={"rows": 8, "maxlength": MOST_CHARS, "dir": "auto"})
    # The mark of the story that was shown, to detect a concurrent change.
    was = StringField(default="")

    @classmethod
    def for_story(cls, story: PathStory | None) -> "StoryForm":
        return cls.fresh(text=story.text if story else "", was=story.mark if story else "")

    def is_changed(self, story: PathStory | None) -> bool:
        """Returns whether the submitted text differs from the stored one."""
        typed = (self.text.data or "").replace("\r\n", "\n").strip()
        return typed != (story.text if story else "")


bp = Blueprint("story", __name__)


@bp.get("/chats/<id>/story")
@signed_in
def edit(id: str) -> Response:
    return _page(own_chat(id))


@bp.post("/chats/<id>/story")
@signed_in
def update(id: str) -> Response:
    form = StoryForm.opened()
    with form.attempt():
        service.save(own_chat(id), form.text.data or "", was=form.was.data or "")
        return _done(id, _("Saved."))
    return _refused(own_chat(id), form)


@bp.post("/chats/<id>/story/write")
@signed_in
def write_now(id: str) -> Response:
    """Stores the submitted text first, so that the model continues it."""
    form = StoryForm.opened()
    with form.attempt():
        chat = own_chat(id)
        if form.is_changed(service.story_of(chat)):
            service.save(chat, form.text.data or "", was=form.was.data or "")
        has_written = service.write_now(own_chat(id), by=current_user().id)
        return _done(id, _("Story written.") if has_written else _("The story is already up to date."))
    return _refused(own_chat(id), form)


@bp.post("/chats/<id>/story/forget")
@signed_in
def forget(id: str) -> Response:
    service.forget(own_chat(id))
    return _done(id, _("Story deleted."))


def shown(chat: Chat, form: StoryForm | None = None, message: str = "") -> dict[str, Any] | None:
    """Returns the template context of the story; None for a chat that can have none."""
    if not service.is_offered(chat):
        return None
    story = service.story_of(chat)
    return {
        "covering": story,
        "writer": the_models().display_name(story.model) if story and story.model else "",
        "form": form or StoryForm.for_story(story),
        "status": message,
        "is_open": bool(message or form),
        "is_writable": service.is_writable(chat),
    }


def _done(id: str, message: str) -> Response:
    return _section(own_chat(id), message=message) if is_htmx() else redirect(url_for("story.edit", id=id), message)


def _refused(chat: Chat, form: StoryForm) -> Response:
    return _section(chat, form) if is_htmx() else _page(chat, form)


def _page(chat: Chat, form: StoryForm | None = None) -> Response:
    story = shown(chat, form)
    status = form.refusal.status if form and form.refusal else 200
    return render("chat/story/story.html", status=status, chat=chat, story=story)


def _section(chat: Chat, form: StoryForm | None = None, message: str = "") -> Response:
    html = render_template("chat/story/_story.html", chat=chat, story=shown(chat, form, message), is_live=True)
    return fragment(part("#chat-story", "outerMorph", html), form.refusal.status if form and form.refusal else 200)
