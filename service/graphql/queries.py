"""Queries that an operation answers: what is asked by something else than an id or a page."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from service.graphql.calls import Call, Gives, document, identifier, reference
from service.models.api_keys import Scope
from service.models.stages import StageTermsRead
from service.operations import accounts, people, stages, stakeholders
from service.operations.context import Context
from service.platform.types import InstantText, Name, Shape


class Me(Shape):
    """The caller."""

    id: Name = Field(description="The key's id")
    name: Name = Field(description="What the key is for")
    scopes: Annotated[list[Scope], Field(max_length=50)] = Field(description="Its scopes, as they were given")
    permissions: Annotated[list[Scope], Field(max_length=50)] = Field(description="What they let it do")
    expires_at: InstantText | None = Field(description="When it stops working")


async def read_me(ctx: Context) -> dict[str, Any]:
    """Which key is asking and what it may do."""
    caller = ctx.principal
    me = Me(
        id=caller.id,
        name=caller.name,
        scopes=list(caller.scopes),
        permissions=sorted(caller.permissions),
        expires_at=caller.expires_at,
    )
    return me.model_dump(mode="json")


QUERIES = (
    Call("me", read_me, (), (Gives("me", "Me", lambda result: result, model=Me),)),
    Call(
        "stages",
        stages.list_stages,
        (),
        (Gives("stages", "list[StageTerms]", lambda result: result, model=StageTermsRead),),
    ),
    Call("accountByRef", accounts.get_account_by_ref, reference("account"), (Gives("account", "Account", document),)),
    Call("personByRef", people.get_person_by_ref, reference("person"), (Gives("person", "Person", document),)),
    Call(
        "stakeholderByRef",
        stakeholders.get_stakeholder_by_ref,
        (identifier("accountId", "The account"), *reference("stakeholder")),
        (Gives("stakeholder", "Stakeholder", document),),
    ),
)
