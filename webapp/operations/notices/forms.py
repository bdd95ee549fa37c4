"""The forms of notices."""

from wtforms import BooleanField, HiddenField, SelectMultipleField, StringField

from webapp.operations.notices.sending import PUSH
from webapp.operations.notices.service import ChannelChange, DeviceInput, PreferencesInput, WebhookInput
from webapp.people.notices.kinds import KINDS
from webapp.people.notices.tables import NoticeChannel
from webapp.web.forms import PLAIN, Form, InputForm, options

WITH_TEXT = "Include text, such as the chat’s title and the start of the answer"


class DeviceForm(InputForm[DeviceInput]):
    """A device, whose hidden fields a script fills in."""

    takes = DeviceInput
    endpoint = HiddenField()
    p256dh = HiddenField()
    auth = HiddenField()
    name = StringField("Name of this device", description="Such as “My phone”. Empty: the browser’s.", render_kw=PLAIN)


class WebhookForm(InputForm[WebhookInput]):
    takes = WebhookInput
    url = StringField("Address", render_kw={**PLAIN, "placeholder": "https://hooks.example.org/millrace", "inputmode": "url"})


class QuietForm(InputForm[PreferencesInput]):
    takes = PreferencesInput
    quiet_from = StringField("From", render_kw={"type": "time"})
    quiet_until = StringField("Until", render_kw={"type": "time"})
    time_zone = StringField("Time zone", render_kw=PLAIN)


class ChannelForm(Form):
    name = StringField("Name", render_kw={**PLAIN, "maxlength": 60})
    kinds = SelectMultipleField(
        "Notify me here when", choices=options({name: kind.label for name, kind in KINDS.items()}), validate_choice=False
    )
    has_words = BooleanField(WITH_TEXT)

    @classmethod
    def for_channel(cls, channel: NoticeChannel) -> "ChannelForm":
        kinds = [name for name in KINDS if name not in channel.muted_kinds]
        return cls.fresh(name=channel.name, kinds=kinds, has_words=channel.has_words).for_way(channel.way)

    def for_way(self, way: str) -> "ChannelForm":
        if way != PUSH:
            del self.name
        return self

    @property
    def entered(self) -> ChannelChange:
        name = {"name": self.name.data} if "name" in self else {}
        return ChannelChange.entered({**name, "kinds": self.kinds.data or [], "has_words": bool(self.has_words.data)})
