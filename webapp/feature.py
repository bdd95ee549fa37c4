"""What a feature brings to the application: pages, kinds of generation, commands, places in the navigation, live lists."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import click
from flask import Blueprint

from webapp.chat.led import Leader
from webapp.engine.kinds import Kind
from webapp.health.copying.indexes import Index
from webapp.live.lists import LiveList
from webapp.prompts.built_in import BuiltIn
from webapp.secrets.holders import Holder
from webapp.sections import Contribute
from webapp.settings.service import Check
from webapp.web.places import Place


@dataclass(frozen=True, kw_only=True)
class Feature:
    """Each feature has one in its `feature.py`; `create_app` loops over them.

    `setting_checks` are asked about a new value, by the name of the setting; `secret_holders` say which secrets are stored.
    `sections` contribute to what models are asked in chats; `resumes` continue what the last server left undone; `prompts` are
    the texts it says to models that admins can change; `leaders` lead chats of their kinds; `indexes` are made anew in a copy of
    the database.
    """

    blueprints: Sequence[Blueprint] = ()
    kinds: Sequence[Kind] = ()
    commands: Sequence[click.Command] = ()
    places: Sequence[Place] = ()
    lists: Sequence[LiveList] = ()
    setting_checks: Mapping[str, Check] = field(default_factory=dict)
    secret_holders: Sequence[Holder] = ()
    sections: Sequence[Contribute] = ()
    resumes: Sequence[Callable[[], None]] = ()
    prompts: Sequence[BuiltIn] = ()
    leaders: Sequence[Leader] = ()
    indexes: Sequence[Index] = ()
