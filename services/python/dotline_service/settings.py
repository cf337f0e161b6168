"""What a service is told by its environment.

Source: docs/architecture.md, "A service's side of the contract".
"""

import os
from collections.abc import Mapping
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class ServiceSettings(BaseModel):
    """The variables of every service."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: str = Field(alias="DOTLINE_SERVICE", min_length=1)
    instance: str = Field(alias="DOTLINE_INSTANCE", min_length=1)
    #: Path of the Unix socket to serve on.
    listen: str = Field(alias="DOTLINE_LISTEN", min_length=1)
    #: Path of the Unix socket through which other services are called.
    outbound: str = Field(alias="DOTLINE_OUTBOUND", min_length=1)
    log_level: Literal["trace", "debug", "info", "warn", "error", "fatal"] = Field(
        alias="LOG_LEVEL", default="info"
    )


class PostgresqlSettings(ServiceSettings):
    """The variables of a service that keeps data in PostgreSQL."""

    database_url: str = Field(alias="DATABASE_URL", pattern="^postgres(ql)?://")


class ValkeySettings(ServiceSettings):
    """The variables of a service that keeps data in Valkey."""

    redis_url: str = Field(alias="REDIS_URL", pattern="^rediss?://")
    redis_key_prefix: str = Field(alias="REDIS_KEY_PREFIX", min_length=1)


Settings = TypeVar("Settings", bound=ServiceSettings)


def read_settings(kind: type[Settings], environment: Mapping[str, str] = os.environ) -> Settings:
    """Reads and checks the environment; ends the program with one line when it cannot be right."""
    try:
        return kind.model_validate(dict(environment))
    except ValidationError as error:
        problems = (f"{issue['loc'][0]}: {issue['msg']}" for issue in error.errors())
        raise SystemExit(f"Environment: {'; '.join(problems)}") from None
