"""Every setting with its default and meaning. Read once in `app.create_app` and passed down, never at import time."""

import base64
import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.platform.private_files import make_private

SECRET_KEY_CHARACTERS = 32
TOO_SHORT = (
    f"has {{}} characters and needs at least {SECRET_KEY_CHARACTERS}; make one with `openssl rand -base64 32` "
    "(secrets that were sealed with another key have to be given again)"
)


class Settings(BaseSettings):
    """Settings from the environment (prefix `KAM_`) or from a `.env` file in the working folder."""

    model_config = SettingsConfigDict(env_prefix="KAM_", env_file=".env", env_ignore_empty=True, extra="ignore")

    database_url: str = Field(
        default="sqlite:///./kam.db", description="sqlite:///path or postgresql://user:password@host/name"
    )
    database_replica_url: str | None = Field(default=None, description="A PostgreSQL replica for reads")
    read_seconds: float = Field(
        default=10, gt=0, le=3600, description="Seconds after which a caller's read is ended (503)"
    )
    database_pool_size: int = Field(default=10, ge=1, le=200, description="Connections to PostgreSQL, per process")
    sqlite_synchronous: Literal["off", "normal", "full"] = Field(
        default="full", description="How durable a commit of the embedded database is"
    )
    bootstrap_key: str | None = Field(default=None, description="The first admin key's value, for scripted set-ups")
    secret_key: str | None = Field(
        default=None,
        description="Seals stored secrets and signs cursors, at least 32 characters; required with PostgreSQL",
    )
    cors_origins: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Origins that browsers may call from, comma-separated"
    )
    webhook_allowed_networks: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="CIDRs that webhooks may reach besides the public internet, comma-separated; "
        "http:// is allowed inside them",
    )
    public_url: str | None = Field(
        default=None,
        description="Where clients reach this service; with a path where a proxy strips one, as in https://example.com/kam",
    )
    rate_limit: int = Field(
        default=1000, ge=0, description="Requests per second and key, sustained; 0 turns the limit off"
    )
    rate_burst: int = Field(default=2000, ge=1, description="Requests that a key may send at once")
    max_body_bytes: int = Field(
        default=1_000_000, ge=1_000, description="Largest request body, in bytes; batches may be ten times as large"
    )
    access_log: bool = Field(default=True, description="One JSON line per request on standard error")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The lowest level that is logged"
    )
    worker: bool = Field(
        default=True,
        description="Whether the API's processes also deliver webhooks and run jobs (`kam serve --no-worker`)",
    )
    event_retention_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="How long events and finished deliveries are kept, in days; undelivered events are kept longer",
    )
    delivery_concurrency: int = Field(
        default=64, ge=1, le=1000, description="Webhook calls at the same time, per worker"
    )
    webhook_timeout_seconds: float = Field(
        default=20.0,
        gt=0,
        le=30,
        description="Longest time of a webhook call; a delivery whose worker died is sent again after twice this",
    )
    event_streams: int = Field(
        default=500,
        ge=0,
        le=100_000,
        description="Open event streams, per process",
    )
    database_wait_seconds: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="How long a start of the API or of a worker waits for PostgreSQL to accept connections",
    )
    delivery_poll_seconds: float = Field(
        default=1.0,
        gt=0,
        le=60,
        description="Seconds after which the worker looks for work that no commit has announced",
    )

    @field_validator("cors_origins", "webhook_allowed_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("webhook_allowed_networks")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for network in value:
            ipaddress.ip_network(network)
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: str | None) -> str | None:
        if value is not None and len(value) < SECRET_KEY_CHARACTERS:
            raise PydanticCustomError("too_short", "{message}", {"message": TOO_SHORT.format(len(value))})
        return value

    @property
    def embedded(self) -> bool:
        """Whether the database is the embedded one."""
        return self.database_url.startswith("sqlite")

    @property
    def sqlite_path(self) -> str:
        """The file of the embedded database."""
        return sqlite_path(self.database_url)

    @property
    def postgres_url(self) -> str:
        """The URL as asyncpg takes it, without SQLAlchemy's driver suffix."""
        return plain_postgres_url(self.database_url)

    def resolved_secret_key(self) -> str:
        """Return the key that seals secrets: the setting, or for the embedded database a key file beside it, made on
        first use.
        """
        if self.secret_key:
            return self.secret_key
        if not self.embedded:
            raise ValueError("KAM_SECRET_KEY is required when the database is not the embedded one")
        path = Path(self.sqlite_path + ".key")
        if not path.exists():
            make_private(path)
            path.write_text(base64.urlsafe_b64encode(os.urandom(32)).decode())
        key = path.read_text().strip()
        if len(key) < SECRET_KEY_CHARACTERS:
            raise ValueError(f"the key in {path}, used as KAM_SECRET_KEY, {TOO_SHORT.format(len(key))}")
        return key


def sqlite_path(url: str) -> str:
    """Return the file that `sqlite:///path` names, for any driver suffix."""
    return url.partition(":///")[2].partition("?")[0] or "kam.db"


def plain_postgres_url(url: str) -> str:
    """Return `postgresql+asyncpg://...` and similar URLs as `postgresql://...`."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.split('+')[0]}://{rest}"
