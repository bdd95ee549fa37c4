"""The key of the built-in connection: a stored one always overrides the environment."""

from webapp.base.audit import COMMAND_LINE
from webapp.base.errors import Invalid
from webapp.models.connections import service as connections
from webapp.models.connections.effective import live_connections
from webapp.models.connections.keys import BUILT_IN, Key
from webapp.people.accounts.tables import User
from webapp.settings.secrets.encryption import DecryptionError


class ApplicationSettingsService:
    """Reads and stores the key."""

    def set_openrouter_api_key(self, key: str, by: User | None = None) -> None:
        """Encrypts and stores the key, for the effective address."""
        if not key.strip():
            raise Invalid("Enter a key.", field="key")
        connections.set_key(BUILT_IN, key, actor=by or COMMAND_LINE)

    def forget_openrouter_api_key(self, by: User) -> None:
        """Deletes the stored key; the one in the environment, if any, takes effect again."""
        connections.forget_key(BUILT_IN, actor=by)

    def get_openrouter_api_key(self) -> str:
        """Returns the effective key, or an empty text; raises `DecryptionError` for a stored one that cannot be decrypted."""
        key = self.openrouter_key()
        if key.trouble:
            raise DecryptionError(key.trouble)
        return key.text

    def openrouter_key(self) -> Key:
        """Returns the effective key with its source and its last four characters."""
        return live_connections()[0].key
