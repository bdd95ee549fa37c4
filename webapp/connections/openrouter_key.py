"""The key of the built-in connection: what is stored wins over the environment; the other way round never happens."""

from webapp.accounts.audit import COMMAND_LINE
from webapp.accounts.tables import User
from webapp.connections import service as connections
from webapp.connections.effective import live_connections
from webapp.connections.keys import BUILT_IN, Key
from webapp.errors import Invalid
from webapp.secrets.encryption import DecryptionError


class ApplicationSettingsService:
    """Reads and stores it."""

    def set_openrouter_api_key(self, key: str, by: User | None = None) -> None:
        """Encrypt and store the key, for the address that is in effect now."""
        if not key.strip():
            raise Invalid("Enter a key.", field="key")
        connections.set_key(BUILT_IN, key, actor=by or COMMAND_LINE)

    def get_openrouter_api_key(self) -> str:
        """The key in effect, or nothing; raises `DecryptionError` for a stored one that cannot be read."""
        key = self.openrouter_key()
        if key.trouble:
            raise DecryptionError(key.trouble)
        return key.text

    def openrouter_key(self) -> Key:
        """The parts of the key in effect that can be shown, and where it comes from."""
        return live_connections()[0].key
