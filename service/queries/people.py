"""How people are read."""

from __future__ import annotations

from service.models.people import PersonRead, people
from service.platform.filters import Filterable, filter_model
from service.queries.listing import Listing
from service.queries.refs import referenced, refs_of

p = people.c

PEOPLE = Listing(
    name="people",
    table=people,
    members={name: refs_of(people) if name == "refs" else p[name] for name in PersonRead.model_fields},
    filters={
        "name": Filterable(p.name, "text"),
        "email": Filterable(p.email, "text"),
        "function": Filterable(p.function, "text"),
        "updated_at": Filterable(p.updated_at, "instant"),
        "external_id": Filterable(p.id, "text", condition=lambda bind: referenced(people, "person", bind)),
    },
    sorts={"name": p.name, "created_at": p.created_at, "updated_at": p.updated_at},
)

PersonFilter = filter_model("PersonFilter", PEOPLE.filters)
