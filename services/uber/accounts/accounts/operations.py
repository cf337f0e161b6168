"""The service's operations over HTTP."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, StringConstraints

from accounts.passwords import hash_password, is_password
from accounts.store import AccountStore, Session
from dotline_service.parse import parse_body
from dotline_service.problem import Problem

Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
    ),
]
Password = Annotated[str, StringConstraints(min_length=10, max_length=128)]
Token = Annotated[str, StringConstraints(min_length=20, max_length=100)]


class Credentials(BaseModel):
    """What a person registers and signs in with."""

    email: Email
    password: Password


class TokenToVerify(BaseModel):
    """A bearer token that another service was given."""

    token: Token


class Operations:
    """Handlers of the operations."""

    def __init__(self, accounts: AccountStore) -> None:
        self._accounts = accounts

    async def register(self, request: web.Request) -> web.Response:
        """Opens an account."""
        credentials = await parse_body(request, Credentials)
        account_id = None
        # Asked before the hash, which is the costly part; another may still be faster.
        if await self._accounts.find(credentials.email) is None:
            password = await hash_password(credentials.password)
            account_id = await self._accounts.register(credentials.email, password)
        if account_id is None:
            raise Problem(409, "Address taken", "There is an account with this address; sign in")
        return web.json_response({"accountId": str(account_id)}, status=201)

    async def sign_in(self, request: web.Request) -> web.Response:
        """Opens a session."""
        credentials = await parse_body(request, Credentials)
        account = await self._accounts.find(credentials.email)
        if account is None or not await is_password(credentials.password, account.password):
            raise Problem(401, "Not signed in", "The address or the password is wrong")
        token, session = await self._accounts.open_session(account.id)
        return web.json_response({"token": token, **_document(session)}, status=201)

    async def verify_token(self, request: web.Request) -> web.Response:
        """Tells a service whose token it was given."""
        body = await parse_body(request, TokenToVerify)
        session = await self._accounts.session(body.token)
        if session is None:
            raise Problem(401, "Not signed in", "The token is unknown or has expired; sign in")
        return web.json_response(_document(session))

    async def sign_out(self, request: web.Request) -> web.Response:
        """Ends the session whose token is in the Authorization header."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "Not signed in", "Send the token as Authorization: Bearer")
        await self._accounts.close_session(token)
        return web.Response(status=204)


def routes(accounts: AccountStore) -> list[web.RouteDef]:
    """The operations as routes."""
    operations = Operations(accounts)
    return [
        web.post("/v1/accounts", operations.register),
        web.post("/v1/sessions", operations.sign_in),
        web.delete("/v1/sessions", operations.sign_out),
        web.post("/v1/tokens/verify", operations.verify_token),
    ]


def _document(session: Session) -> dict[str, str]:
    return {"accountId": str(session.account_id), "expiresAt": session.expires_at.isoformat()}
