"""Mutations of our own people."""

from __future__ import annotations

from service.framework.graph.calls import Call, body, gives, identifier, if_version, reference
from service.models.accounts.people import PersonCreate, PersonPatch, PersonRead
from service.operations.accounts import people

PERSON = gives("person", PersonRead)
BODY = body(PersonCreate, "CreatePersonInput")
PATCH = body(PersonPatch, "UpdatePersonInput")

MUTATIONS = (
    Call("createPerson", people.create_person, (BODY,), PERSON),
    Call("updatePerson", people.update_person, (identifier(), PATCH, if_version()), PERSON),
    Call("upsertPerson", people.upsert_person, (*reference("person"), BODY), PERSON),
    Call("deletePerson", people.delete_person, (identifier(), if_version()), PERSON),
)
