"""The events that an endpoint gets, beside their types: filters on the account, changed members, channels."""

from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.framework.database.fields import read_of
from service.platform.patterns import fitting
from service.platform.types import COMPOSED, NO_COMMA, CountryCode, Id, Name, Shape
from service.rules.vocabulary import AccountScope, AccountStatus, Quadrant, Stage

Label = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=50, pattern=NO_COMMA), COMPOSED]
Channel = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=42, pattern=NO_COMMA), COMPOSED]
MemberName = Annotated[
    str,
    StringConstraints(
        strict=True,
        max_length=110,
        pattern=fitting(
            r"^[a-z_]+(\.[A-Za-z0-9_-]{1,100})?$",
            "Must be the name of a member (letters a-z and `_`) or of an attribute, as in `attributes.employees`",
        ),
    ),
]

_ANY = Member(min_length=1, max_length=100)


class WebhookFilter(Shape):
    """A filter on the event's account: one value of each given list must match.

    An event passes when the account matched before the event or matches after it, so the event of an account that
    leaves a quadrant, an owner or a tag passes too. Events without an account do not pass a filter.
    """

    quadrant: Annotated[list[Quadrant], _ANY] | None = Member(default=None, description="Boxes of the four-box matrix")
    stage: Annotated[list[Stage], _ANY] | None = Member(default=None, description="Relationship stages")
    status: Annotated[list[AccountStatus], _ANY] | None = Member(
        default=None, description="Statuses on the path from customer to managed key account"
    )
    scope: Annotated[list[AccountScope], _ANY] | None = Member(default=None, description="Account scopes")
    country: Annotated[list[CountryCode], _ANY] | None = Member(default=None, description="ISO 3166-1 alpha-2 codes")
    industry: Annotated[list[Name], _ANY] | None = Member(
        default=None, description="Industries, as the accounts spell them"
    )
    owner_id: Annotated[list[Id], _ANY] | None = Member(default=None, description="Key account managers: people")
    tags: Annotated[list[Label], _ANY] | None = Member(
        default=None, description="Tags, of which the account has at least one"
    )


class SubscriptionShape(Shape):
    """The events that an endpoint gets, beside their types."""

    filter: WebhookFilter | None = Member(
        default=None,
        description="Only events of accounts that match; null for all. A patch changes the members it names, null "
        "clears a member",
        examples=[{"quadrant": ["strategic", "star"], "country": ["DE"]}],
    )
    changed: Annotated[list[MemberName], Member(max_length=50)] = Member(
        default_factory=list,
        description="Only events whose `data.changed` names one of these members, or one attribute as "
        "`attributes.<name>`; empty for all",
        examples=[["industry", "revenue"]],
    )
    channels: Annotated[list[Channel], Member(max_length=10)] = Member(
        default_factory=list,
        description="Only events of one of these channels; empty for all. An account's tags that begin with `channel:` "
        "name the channels of its events, the first five of them count",
        examples=[["emea"]],
    )


@read_of(SubscriptionShape)
class SubscriptionRead(Shape):
    """The events that an endpoint gets, beside their types."""
