"""A service's keys in Valkey."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    ReadOnlyError,
    TimeoutError,
)

from dotline_service.problem import StoreUnavailable

_CONNECT_SECONDS_MAX = 2.0
_COMMAND_SECONDS_MAX = 1.0

_SERVER_DOWN = (
    ConnectionError,
    TimeoutError,
    BusyLoadingError,
    ReadOnlyError,
    AuthenticationError,
    OSError,
)

Result = TypeVar("Result")


class Valkey:
    """Reconnects by itself: a broken connection is replaced by the next command.

    While the server does not answer, `run` raises StoreUnavailable.
    """

    def __init__(self, url: str, key_prefix: str) -> None:
        self._key_prefix = key_prefix
        self._redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=_CONNECT_SECONDS_MAX,
            socket_timeout=_COMMAND_SECONDS_MAX,
            # One retry, at once: it replaces a pooled connection that the server closed.
            retry=Retry(NoBackoff(), 1),
            max_connections=50,
        )

    def key(self, *parts: str) -> str:
        """`<prefix>a:b` of the parts a and b; a service may touch no other keys."""
        return self._key_prefix + ":".join(parts)

    async def run(self, work: Callable[[Redis], Awaitable[Result]]) -> Result:
        """Runs commands. Raises StoreUnavailable, or ResponseError when one is refused."""
        try:
            return await work(self._redis)
        except _SERVER_DOWN as error:
            raise StoreUnavailable("Valkey") from error

    async def ping(self) -> None:
        """Returns when the server answers."""
        await self.run(lambda redis: redis.ping())

    async def close(self) -> None:
        """Ends every connection."""
        await self._redis.aclose()
