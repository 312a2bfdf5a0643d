"""People on our side, who own accounts, plans and actions."""

from typing import Any

from service.access.policy import Permission
from service.events import accounts as events
from service.models.accounts.people import PersonCreate, PersonPatch, PersonRead
from service.platform.errors import Conflict
from service.queries.accounts.people import OWNED, PEOPLE
from service.records.context import Transaction
from service.records.kinds import Members, Rule
from service.records.plain import PlainRecord

_WORDS = {"accounts": ("account", "accounts"), "plans": ("open plan", "open plans"), "actions": ("action", "actions")}


async def refuse_while_owning(tx: Transaction, person: Members, _: Any) -> None:
    """Raise Conflict, with the numbers, while a person owns live accounts, plans that are not closed, or actions that
    are not done. Closed plans and done actions keep naming the person.
    """
    owned = {name: count for name, count in ((await tx.one(OWNED, id=person["id"])) or {}).items() if count}
    if owned:
        listed = " and ".join(f"{count} {_WORDS[name][count > 1]}" for name, count in owned.items())
        raise Conflict(f"The person still owns {listed}; give them to another first", members={"owned": owned})


PERSON = PlainRecord(
    "person",
    "people",
    PEOPLE,
    create=PersonCreate,
    patch=PersonPatch,
    read=PersonRead,
    reads=Permission.PERSON_READ,
    writes=Permission.PERSON_WRITE,
    events=events.PERSON,
    creating=Rule(says="The person is on our side, and can then own accounts, plans and actions."),
    deleting=Rule(
        refuse_while_owning,
        says="Refused, with the numbers in `owned`, while the person owns accounts, plans that are not closed, or "
        "actions that are not done; to keep somebody who left, set `active` to false.",
        errors=(Conflict,),
    ),
)
