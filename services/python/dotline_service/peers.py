"""Calls to other services."""

from typing import Literal, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from dotline_service.problem import Problem

_TIMEOUT_SECONDS = 5.0
_CONNECTIONS_MAX = 32

Model = TypeVar("Model", bound=BaseModel)
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class PeerError(Problem):
    """The peer answered with an error, or with something that is not what it promised."""

    def __init__(self, callee: str, callee_status: int, detail: str) -> None:
        status = 503 if callee_status == 503 else 502
        super().__init__(status, "Peer failed", detail, callee=callee, calleeStatus=callee_status)
        self.callee = callee
        self.callee_status = callee_status


class PeerUnreachable(Problem):
    """No answer came: the sidecar does not listen, the connection broke, or time ran out."""

    def __init__(self, callee: str, reason: str) -> None:
        detail = f"{callee} did not answer: {reason}"
        super().__init__(503, "Peer unreachable", detail, callee=callee)
        self.callee = callee


class Peers:
    """Calls services by name through the sidecar's socket; trace context travels with each call."""

    def __init__(self, outbound: str) -> None:
        self._outbound = outbound
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Opens the client; no connection is made yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=self._outbound, limit=_CONNECTIONS_MAX),
        )

    async def call(
        self,
        callee: str,
        method: Method,
        path: str,
        answer: type[Model],
        *,
        body: BaseModel | None = None,
        headers: dict[str, str] | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> Model:
        """Sends a request that should succeed, and parses the answer.

        Raises PeerError when the status is not 2xx or the body is not an `answer`, and
        PeerUnreachable when there is no answer.
        """
        assert self._session is not None, "start() comes first"
        sent = {"accept": "application/json", **(headers or {})}
        if body is not None:
            sent["content-type"] = "application/json"
        try:
            async with self._session.request(
                method,
                f"http://{callee}{path}",
                data=None if body is None else body.model_dump_json(by_alias=True),
                headers=sent,
                timeout=aiohttp.ClientTimeout(total=timeout_seconds),
                allow_redirects=False,
            ) as response:
                status, raw = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PeerUnreachable(callee, str(error) or type(error).__name__) from error
        what = f"{callee} answered {method} {path} with"
        if not 200 <= status < 300:
            raise PeerError(callee, status, f"{what} {status}")
        try:
            return answer.model_validate_json(raw)
        except ValidationError as error:
            raise PeerError(callee, status, f"{what} an unexpected body") from error

    async def close(self) -> None:
        """Ends every connection."""
        if self._session is not None:
            await self._session.close()
