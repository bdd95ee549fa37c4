"""Sends alerts by email to the configured addresses."""

from webapp.base.current import the_config
from webapp.operations.alerts.news import News
from webapp.operations.mail import service as mail
from webapp.settings.service import setting

SUBJECTS = {"firing": "Alert", "test": "Test of an alert"}


def is_set() -> bool:
    return bool(setting("alerts.emails")) and mail.is_set()


def send(news: News) -> str:
    """Sends one email to all addresses; raises `ProviderError` if the server does not accept it."""
    subject = f"[Millrace] {SUBJECTS.get(news.state, 'Alert over')}: {news.words}"
    refused = mail.send(setting("alerts.emails"), subject, _text(news))
    return f"delivered, but not to {', '.join(refused)}" if refused else "delivered"


def _text(news: News) -> str:
    page = f"{the_config().public_url}/admin/alerts/{news.rule}"
    where = f"Limits, mute and history: {page}" if the_config().public_url else "Limits, mute and history: Admin, Alerts."
    return f"{news.words}\n\n{where}\n"
