"""Mutations of our own people."""

from __future__ import annotations

from service.graphql.calls import Call, body, gives, identifier, if_version, reference
from service.models.people import PersonCreate, PersonPatch
from service.operations import people

PERSON = gives("person", "Person")
BODY = body(PersonCreate, "CreatePersonInput")
PATCH = body(PersonPatch, "UpdatePersonInput")

MUTATIONS = (
    Call("createPerson", people.create_person, (BODY,), PERSON),
    Call("updatePerson", people.update_person, (identifier(), PATCH, if_version()), PERSON),
    Call("upsertPerson", people.upsert_person, (*reference("person"), BODY), PERSON),
    Call("deletePerson", people.delete_person, (identifier(), if_version()), PERSON),
)
