"""Says in each response who keeps it offline; apart from the pages of this room, as it is part of all requests."""

from flask import Blueprint, Response, request

from webapp.people.accounts.kept_pages import with_keeper

bp = Blueprint("keeper", __name__)


@bp.after_app_request
def say_who_keeps(response: Response) -> Response:
    # The page of a link is for everyone, and says nothing of who opens it.
    return response if request.blueprint == "shared" else with_keeper(response)
