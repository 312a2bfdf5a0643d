"""The caller of an operation: an API key, or the service itself."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from service.access.policy import Permission, granted
from service.platform.errors import Forbidden
from service.platform.ids import SYSTEM_ID


@dataclass(frozen=True)
class Principal:
    """A caller: an API key, or the service itself (`system`, for the command line and jobs)."""

    id: str
    name: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None
    permissions: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, identifier: str, name: str, scopes: list[str], expires_at: datetime | None = None) -> Self:
        """Return a caller with the permissions that its scopes grant."""
        return cls(identifier, name, tuple(scopes), expires_at, granted(scopes))

    def require(self, permission: Permission) -> None:
        """Raise Forbidden, naming the missing scope, unless the caller has the permission."""
        if permission.value not in self.permissions:
            raise Forbidden(permission.value)


SYSTEM = Principal.of(SYSTEM_ID, "system", ["*"])
