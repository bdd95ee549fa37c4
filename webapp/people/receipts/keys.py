"""This server's key for receipts: stored encrypted; the public keys of earlier ones are known from what they signed."""

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from webapp.base import logs
from webapp.base.db import db, utc_now
from webapp.base.languages import gettext as _
from webapp.people.receipts.tables import StoredReceipt
from webapp.settings.secrets.encryption import DecryptionError, Holder, Secret, the_encryption
from webapp.settings.tables import ApplicationSetting

NAME = "receipts.key"
PURPOSE = "private key for receipts"


def private_key(session: Session) -> str:
    """Returns the private key; makes one if there is none, or if it can't be read with this server's ENCRYPTION_KEY."""
    # Imported late, to save memory.
    from webapp.people.receipts import signing

    row = session.get(ApplicationSetting, NAME)
    try:
        key = the_encryption().decrypt_api_key(row.ciphertext or "", owner=NAME, purpose=PURPOSE) if row else ""
    except DecryptionError:
        key = ""
    if not key:
        key = signing.new_private_key()
        ciphertext = the_encryption().encrypt_api_key(key, owner=NAME, purpose=PURPOSE)
        public = signing.public_key_of(key)
        session.merge(ApplicationSetting(key=NAME, value=public, ciphertext=ciphertext, changed_at=utc_now()))
    logs.hide(key)
    return key


def public_keys() -> list[str]:
    """Returns the public key in use, then those of earlier receipts."""
    current = db.session.scalar(select(ApplicationSetting.value).where(ApplicationSetting.key == NAME))
    earlier = db.session.scalars(select(StoredReceipt.key).distinct().order_by(StoredReceipt.key)).all()
    return list(dict.fromkeys(filter(None, (current, *earlier))))


def _stored() -> list[Secret]:
    with db.engine.connect() as connection:
        ciphertext = connection.scalar(select(ApplicationSetting.ciphertext).where(ApplicationSetting.key == NAME))
    return [Secret(NAME, _("Key for receipts"), ciphertext)] if ciphertext else []


def _replace(session: Session, _id: str, ciphertext: str, fresh: str) -> bool:
    row = update(ApplicationSetting).where(ApplicationSetting.key == NAME, ApplicationSetting.ciphertext == ciphertext)
    replaced = session.execute(row.values(ciphertext=fresh, changed_at=ApplicationSetting.changed_at))
    return isinstance(replaced, CursorResult) and bool(replaced.rowcount)


HOLDER = Holder("setting", _stored, _replace)
