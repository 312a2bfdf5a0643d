"""Read API keys, never their hash."""

from service.framework.database.filters import Filterable
from service.framework.database.listing import Listing
from service.models.access.api_keys import ApiKeyRead, api_keys

API_KEYS = Listing(
    name="api_keys",
    table=api_keys,
    members={
        name: api_keys.c.revoked_at.is_not(None) if name == "revoked" else api_keys.c[name]
        for name in ApiKeyRead.model_fields
    },
    filters={"created_by": Filterable(api_keys.c.created_by, "id")},
    sorts={"created_at": api_keys.c.created_at},
)
