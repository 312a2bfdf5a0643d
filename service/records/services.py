"""Make the services that one process shares between requests: the database, keys and clocks."""

from service.access.authenticate import Authenticator
from service.framework.database.database import Database
from service.framework.database.pagination import Cursors
from service.framework.database.postgresql import PostgresDatabase
from service.framework.database.sqlite import SqliteDatabase
from service.models.tables import constraint_name
from service.platform.clock import Clock
from service.platform.secrets import Secrets
from service.platform.settings import Settings, plain_postgres_url
from service.records.context import Services


def make_services(settings: Settings, clock: Clock | None = None) -> Services:
    """Return the services of one process; the database is not opened yet. Raises ValueError for settings that
    contradict each other.
    """
    clock = clock or Clock()
    database = make_database(settings)
    secret = settings.resolved_secret_key()
    return Services(settings, database, clock, Cursors(secret), Secrets(secret), Authenticator(database, clock))


def make_database(settings: Settings) -> Database:
    """Return the database that the settings name, not opened yet."""
    if settings.embedded:
        return SqliteDatabase(
            settings.sqlite_path, synchronous=settings.sqlite_synchronous, constraint_names=constraint_name
        )
    replica = settings.database_replica_url
    return PostgresDatabase(
        settings.postgres_url,
        replica_url=plain_postgres_url(replica) if replica else None,
        size=settings.database_pool_size,
    )
