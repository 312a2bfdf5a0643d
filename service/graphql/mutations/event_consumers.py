"""Mutations of named consumers of the feed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.graphql.calls import Call, Gives, body, gives, identifier, if_version
from service.models.event_consumers import (
    EventConsumerCommit,
    EventConsumerCreate,
    EventConsumerPoll,
    EventConsumerSeek,
)
from service.models.events import EventRead
from service.operations import event_consumers
from service.platform.types import Flag, Id, InstantText, Shape, Text


class LeasedEvents(Shape):
    """Leased events of a consumer."""

    consumer_id: Id = Field(description="The consumer")
    lease_token: Id = Field(description="Send it with the commit")
    lease_until: InstantText = Field(description="Until when nobody else may read this consumer")
    items: Annotated[list[EventRead], Field(max_length=200)] = Field(description="Events, oldest first")
    cursor: Text = Field(description="Commit this when all of them are done")
    has_more: Flag = Field(description="Whether there are more already")


CONSUMER = gives("eventConsumer", "EventConsumer")
LEASED = Gives("leased", "LeasedEvents", lambda result: result.data, "The events and the lease", LeasedEvents)

MUTATIONS = (
    Call(
        "createEventConsumer",
        event_consumers.create_event_consumer,
        (body(EventConsumerCreate, "CreateEventConsumerInput"),),
        CONSUMER,
    ),
    Call("deleteEventConsumer", event_consumers.delete_event_consumer, (identifier(), if_version()), CONSUMER),
    Call(
        "pollEventConsumer",
        event_consumers.poll_event_consumer,
        (identifier(), body(EventConsumerPoll, "PollEventConsumerInput")),
        (LEASED,),
    ),
    Call(
        "commitEventConsumer",
        event_consumers.commit_event_consumer,
        (identifier(), body(EventConsumerCommit, "CommitEventConsumerInput")),
        CONSUMER,
    ),
    Call(
        "seekEventConsumer",
        event_consumers.seek_event_consumer,
        (identifier(), body(EventConsumerSeek, "SeekEventConsumerInput"), if_version()),
        CONSUMER,
    ),
)
