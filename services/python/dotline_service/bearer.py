"""Whose bearer token a request carries."""

from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel

from dotline_service.peers import PeerError, Peers
from dotline_service.problem import Problem

Holder = TypeVar("Holder", bound=BaseModel)


class Token(BaseModel):
    """What the product's service of sessions is asked about."""

    token: str


async def verify_bearer(
    peers: Peers, request: web.Request, callee: str, path: str, holder: type[Holder]
) -> Holder:
    """Asks a product's service of sessions who holds the token of a request.

    Raises Problem 401 when there is no token, or it is unknown or has expired.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem(401, "Not signed in", "Send the token as Authorization: Bearer")
    try:
        return await peers.call(callee, "POST", path, holder, body=Token(token=token))
    except PeerError as error:
        if error.callee_status not in (400, 401):
            raise
        detail = "The token is unknown or has expired; sign in"
        raise Problem(401, "Not signed in", detail) from error
