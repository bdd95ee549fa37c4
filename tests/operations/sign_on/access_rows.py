"""Who can access sign-on, and how a provider is created for each attempt."""

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.audit import AuditEntry
from webapp.base.ids import new_id
from webapp.operations.sign_on.tables import Identity, IdentityProvider

TABLE = {
    ("admins", ()): """
        GET sign_on.index admin_only
        POST sign_on.update admin_only
        GET sign_on.new admin_only
        POST sign_on.create admin_only
        GET sign_in_log.everyones admin_only
        GET api_identity_providers.index api:admin
        POST api_identity_providers.create api:admin
    """,
    ("looked after", ("identity provider",)): """
        GET sign_on.show admin_only
        POST sign_on.change admin_only
        POST sign_on.test admin_only
        POST sign_on.delete admin_only
        GET api_identity_providers.show api:admin
        PATCH api_identity_providers.change api:admin
        DELETE api_identity_providers.delete api:admin
        POST api_identity_providers.test api:admin
    """,
    ("looked after", ("identity of a member",)): "POST sign_on.disconnect admin_only",
    ("anyone's", ("identity provider",)): """
        GET sign_ins.begin anybody
        GET sign_ins.come_back anybody
        POST sign_ins.log_out anybody
    """,
    ("leads from it to the door", ("identity provider",)): "GET sign_ins.leave anybody",
    ("any name", ("identity provider",)): """
        GET sign_ins.ask signed_in
        GET sign_ins.confirm signed_in
        POST sign_ins.connect signed_in
    """,
    ("one's own", ("identity",)): "POST sign_ins.disconnect signed_in",
    ("one's own", ("sign-in",)): """
        GET sign_in_log.ask signed_in
        POST sign_in_log.report signed_in
    """,
    ("people", ()): """
        GET sign_in_log.index signed_in
        GET api_account.sign_ins api:read
    """,
}


@makes("identity provider")
def identity_provider(_world: World, _state: str) -> str:
    return added(IdentityProvider(name=new_id(), issuer="http://127.0.0.1:9", client_id=CANARY)).id


@makes("identity")
def identity(world: World, state: str) -> str:
    return added(Identity(user_id=world.whose(state), issuer="http://127.0.0.1:9", subject=new_id(), label=CANARY)).id


@makes("sign-in")
def sign_in(world: World, state: str) -> str:
    return added(AuditEntry(actor_id=world.whose(state), action="signed in", object_kind="session", detail=CANARY)).id


@makes("identity of a member")
def identity_of_a_member(world: World, _state: str) -> str:
    return added(Identity(user_id=world.whose("foreign"), issuer="http://127.0.0.1:9", subject=new_id(), label=CANARY)).id
