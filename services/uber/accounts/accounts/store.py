"""Accounts and sessions in PostgreSQL."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from accounts.passwords import PasswordHash
from dotline_service.postgresql import Database

MIGRATIONS = [
    """
    create table accounts (
      id uuid primary key,
      email text not null unique,
      salt bytea not null,
      digest bytea not null,
      created_at timestamptz not null default now()
    );
    create table sessions (
      token_hash bytea primary key,
      account_id uuid not null references accounts (id) on delete cascade,
      expires_at timestamptz not null
    );
    create index sessions_of_account on sessions (account_id, expires_at);
    """,
]

SESSION_LENGTH = timedelta(hours=1)
#: A new sign-in ends the oldest sessions above this.
SESSIONS_MAX = 10


@dataclass(frozen=True)
class Account:
    """An account and how to check its password."""

    id: UUID
    password: PasswordHash


@dataclass(frozen=True)
class Session:
    """A session; the token itself is known to its owner alone."""

    account_id: UUID
    expires_at: datetime


class AccountStore:
    """Every method raises StoreUnavailable while the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, email: str, password: PasswordHash) -> UUID | None:
        """The new account's id, or None when the address has one already."""
        row = await self._database.fetch_one(
            """insert into accounts (id, email, salt, digest) values ($1, $2, $3, $4)
               on conflict (email) do nothing returning id""",
            uuid4(),
            email,
            password.salt,
            password.digest,
        )
        return None if row is None else row["id"]

    async def find(self, email: str) -> Account | None:
        """The account of an address."""
        row = await self._database.fetch_one(
            "select id, salt, digest from accounts where email = $1", email
        )
        if row is None:
            return None
        return Account(row["id"], PasswordHash(row["salt"], row["digest"]))

    async def open_session(self, account_id: UUID) -> tuple[str, Session]:
        """A new token and its session. Only a hash of the token is stored."""
        token = secrets.token_urlsafe(32)
        session = Session(account_id, datetime.now(UTC) + SESSION_LENGTH)
        await self._database.fetch(
            """with ended as (
                 delete from sessions where token_hash in (
                   select token_hash from sessions where account_id = $2
                   order by expires_at desc offset $4))
               insert into sessions (token_hash, account_id, expires_at) values ($1, $2, $3)""",
            _hash(token),
            account_id,
            session.expires_at,
            SESSIONS_MAX - 1,
        )
        return token, session

    async def session(self, token: str) -> Session | None:
        """The session of a token, unless it has expired."""
        row = await self._database.fetch_one(
            """select account_id, expires_at from sessions
               where token_hash = $1 and expires_at > now()""",
            _hash(token),
        )
        return None if row is None else Session(row["account_id"], row["expires_at"])

    async def close_session(self, token: str) -> None:
        """Ends a session; an unknown one has ended already."""
        await self._database.fetch("delete from sessions where token_hash = $1", _hash(token))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
