"""A service's database."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import asyncpg

from dotline_service.backoff import backoff_seconds
from dotline_service.problem import StoreUnavailable

_CONNECTIONS_MAX = 5
_CONNECT_SECONDS_MAX = 2.0
_STATEMENT_SECONDS_MAX = 5.0
_TRANSACTION_ATTEMPTS = 5
#: The lock under which replicas migrate one after the other; any constant will do.
_MIGRATION_LOCK = 70_061

_SERVER_DOWN = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # A statement meets a connection whose server has just died.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
)
#: The server asks to run the transaction again.
_TRY_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class Database:
    """Connects and migrates in the background, again and again with back-off.

    Until then, and whenever the server does not answer, every method raises StoreUnavailable.
    """

    def __init__(self, url: str, migrations: Sequence[str]) -> None:
        """`migrations` are SQL scripts, applied once each, in order; only ever append."""
        self._url = url
        self._migrations = tuple(migrations)
        self._pool: asyncpg.Pool | None = None
        self._migrated = asyncio.Event()
        self._migrating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to connect; returns at once."""
        self._pool = asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=_CONNECTIONS_MAX,
            timeout=_CONNECT_SECONDS_MAX,
            command_timeout=_STATEMENT_SECONDS_MAX,
        )
        await self._pool
        self._migrating = asyncio.create_task(self._migrate_until_done())

    async def migrated(self) -> None:
        """Returns when the schema is in place."""
        await self._migrated.wait()

    async def ping(self) -> None:
        """Returns when the schema is in place and the server answers."""
        await self.fetch("select 1")

    async def fetch(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """All rows of one statement."""
        with self._reached() as pool:
            return await pool.fetch(statement, *values)

    async def fetch_one(self, statement: str, *values: object) -> asyncpg.Record | None:
        """The first row of one statement, or None."""
        with self._reached() as pool:
            return await pool.fetchrow(statement, *values)

    async def transaction(
        self, work: Callable[[asyncpg.pool.PoolConnectionProxy], Awaitable[Result]]
    ) -> Result:
        """Runs `work` in one serializable transaction, again when the server asks for it.

        So `work` must touch nothing but the database.
        """
        for attempt in range(1, _TRANSACTION_ATTEMPTS + 1):
            try:
                with self._reached() as pool:
                    return await _in_transaction(pool, work)
            except _TRY_AGAIN:
                if attempt == _TRANSACTION_ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Ends the background work and every connection."""
        if self._migrating is not None:
            self._migrating.cancel()
        if self._pool is not None:
            await asyncio.wait_for(self._pool.close(), timeout=1)

    @contextmanager
    def _reached(self) -> Iterator[asyncpg.Pool]:
        if self._pool is None or not self._migrated.is_set():
            raise StoreUnavailable("PostgreSQL")
        try:
            yield self._pool
        except _SERVER_DOWN as error:
            # The driver's refusals of a value are of the same class as its lost connections.
            if isinstance(error, asyncpg.DataError):
                raise
            raise StoreUnavailable("PostgreSQL") from error

    async def _migrate_until_done(self) -> None:
        assert self._pool is not None
        for wait in backoff_seconds():
            try:
                await _migrate(self._pool, self._migrations)
                self._migrated.set()
                return
            except _SERVER_DOWN as error:
                _log.warning("database not ready: %r", error)
            except asyncpg.PostgresError:
                _log.exception("migration refused")
                return
            await asyncio.sleep(wait)


async def _in_transaction(
    pool: asyncpg.Pool, work: Callable[[asyncpg.pool.PoolConnectionProxy], Awaitable[Result]]
) -> Result:
    async with pool.acquire() as connection, connection.transaction(isolation="serializable"):
        return await work(connection)


async def _migrate(pool: asyncpg.Pool, migrations: Sequence[str]) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
        await connection.execute("create table if not exists migrations (version int primary key)")
        done = await connection.fetchval("select coalesce(max(version), 0) from migrations")
        for version, script in enumerate(migrations, start=1):
            if version > done:
                await connection.execute(script)
                await connection.execute("insert into migrations (version) values ($1)", version)
