"""/api/v1/mail: whether email can be sent, the SMTP password, and a test; for admins. The rest are the settings `mail.*`."""

from flask import Blueprint
from pydantic import Field

from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Line
from webapp.operations.mail import service
from webapp.operations.mail.password import forget_password, password, set_password
from webapp.people.accounts.guards import who

bp = Blueprint("api_mail", __name__, url_prefix="/api/v1/mail")


class MailAnswer(Answer):
    is_set: bool = Field(description="Whether there is a server and an address to send from.")
    has_password: bool
    trouble: str = Field(description="Why the stored password is of no use; empty when it isn't.")


class MailPassword(Body):
    password: str = Field(max_length=500, description="Stored encrypted, for the server that is set alone, and never returned.")


class MailTest(Body):
    to: Line


@bp.get("")
@operation("Show whether email can be sent", scope="admin", answer=MailAnswer)
def show() -> MailAnswer:
    found = password()
    return MailAnswer(is_set=service.is_set(), has_password=found.is_stored, trouble=found.trouble)


@bp.put("/password")
@operation("Store the password for the mail server", scope="admin", body=MailPassword, status=204)
def enter(body: MailPassword) -> None:
    set_password(body.password, **who())


@bp.delete("/password")
@operation("Delete the password for the mail server", scope="admin", status=204)
def forget() -> None:
    forget_password(**who())


@bp.post("/test")
@operation("Send a test email", scope="admin", body=MailTest, status=204, errors=(422,))
def test(body: MailTest) -> None:
    service.send_test(body.to.strip(), **who())
