"""/admin/settings: the settings of the server by topic, a page for each, with the source of each value."""

from collections import Counter
from collections.abc import Sequence

from flask import Blueprint, Response, request

from webapp.base.languages import gettext as _
from webapp.people.accounts.guards import admin_only, audit_author, found
from webapp.settings.catalog import SETTINGS
from webapp.settings.forms import SettingsForm
from webapp.settings.losses import Loss
from webapp.settings.parts import PARTS, PartDetail, SettingsPart
from webapp.settings.service import ShownSetting, all_settings, unset_setting
from webapp.web.feature import brought
from webapp.web.htmx import redirect, render

bp = Blueprint("settings", __name__, url_prefix="/admin/settings")


@bp.app_template_global()
def changed_counts() -> Counter[str]:
    """Returns how many settings were changed on each page that has some."""
    return Counter(line.setting.page for line in _changed())


@bp.app_template_global()
def setting_pages() -> list[str]:
    """Returns the pages that have settings."""
    return list(dict.fromkeys(setting.page for setting in SETTINGS.values()))


@bp.get("")
@admin_only
def index() -> Response:
    wanted = request.args.get("setting", "")
    return redirect(SETTINGS[wanted].url) if wanted in SETTINGS else render("workspace/frame/settings.html", changed=_changed())


@bp.get("/<part>")
@admin_only
def show(part: str) -> Response:
    return _page(found(PARTS.get(part)))


@bp.post("/<part>")
@admin_only
def update(part: str) -> Response:
    topic = found(PARTS.get(part))
    form = SettingsForm(topic.path)
    if form.wrong:
        return _page(topic, form, status=422)
    if to_confirm := form.to_confirm:
        return _page(topic, form, to_confirm, status=409)
    return redirect(topic.path, form.save(author=audit_author()))


@bp.post("/<name>/reset")
@admin_only
def reset(name: str) -> Response:
    unset_setting(name, author=audit_author())
    return redirect(f"{SETTINGS[name].page}#setting-{name}", _("%(title)s: reset.", title=_(SETTINGS[name].title)))


def _page(
    part: SettingsPart, form: SettingsForm | None = None, to_confirm: Sequence[Loss] = (), *, status: int = 200
) -> Response:
    form = form or SettingsForm(part.path)
    details = {detail.template: detail.read() for detail in brought(PartDetail) if detail.slug == part.slug}
    return render(
        "workspace/frame/settings_part.html", status=status, part=part, form=form, to_confirm=to_confirm, details=details
    )


def _changed() -> list[ShownSetting]:
    return [line for line in all_settings() if line.source == "stored"]
