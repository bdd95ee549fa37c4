"""This server's pair of keys for Web Push: made once, for all workers; the private one is stored encrypted."""

from sqlalchemy import CursorResult, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base import logs
from webapp.base.db import db, utc_now, write
from webapp.base.languages import gettext as _
from webapp.settings.secrets.encryption import Holder, Secret, the_encryption
from webapp.settings.tables import ApplicationSetting

NAME = "notices.push_keys"
PURPOSE = "private key for Web Push"


def public_key() -> str:
    """Returns the public key, which a device's subscription is bound to; the first to ask makes the pair."""
    if public := _stored_public_key():
        return public
    # Imported late, to save memory.
    from webapp.operations.notices import web_push

    pair = web_push.new_key_pair()
    ciphertext = the_encryption().encrypt_api_key(pair.private, owner=NAME, purpose=PURPOSE)
    try:
        with write() as session:
            if not session.get(ApplicationSetting, NAME):
                session.add(ApplicationSetting(key=NAME, value=pair.public, ciphertext=ciphertext, changed_at=utc_now()))
    except IntegrityError:
        # Another worker has just stored its own.
        db.session.rollback()
    return _stored_public_key()


def private_key() -> str:
    """Returns the private key; raises `DecryptionError` if it can't be read with this server's ENCRYPTION_KEY."""
    with db.engine.connect() as connection:
        ciphertext = connection.scalar(select(ApplicationSetting.ciphertext).where(ApplicationSetting.key == NAME))
    key = the_encryption().decrypt_api_key(ciphertext or "", owner=NAME, purpose=PURPOSE)
    logs.hide(key)
    return key


def _stored_public_key() -> str:
    with db.engine.connect() as connection:
        return connection.scalar(select(ApplicationSetting.value).where(ApplicationSetting.key == NAME)) or ""


def _stored() -> list[Secret]:
    with db.engine.connect() as connection:
        ciphertext = connection.scalar(select(ApplicationSetting.ciphertext).where(ApplicationSetting.key == NAME))
    return [Secret(NAME, _("Push notification key"), ciphertext)] if ciphertext else []


def _replace(session: Session, _id: str, ciphertext: str, fresh: str) -> bool:
    row = update(ApplicationSetting).where(ApplicationSetting.key == NAME, ApplicationSetting.ciphertext == ciphertext)
    replaced = session.execute(row.values(ciphertext=fresh, changed_at=ApplicationSetting.changed_at))
    return isinstance(replaced, CursorResult) and bool(replaced.rowcount)


HOLDER = Holder("setting", _stored, _replace)
