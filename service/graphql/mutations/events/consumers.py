"""Mutations of named consumers of the feed."""

from __future__ import annotations

from service.framework.graph.calls import Call, Gives, body, gives, identifier, if_version
from service.models.events.consumers import (
    EventConsumerCommit,
    EventConsumerCreate,
    EventConsumerPoll,
    EventConsumerRead,
    EventConsumerSeek,
)
from service.models.events.events import LeasedEvents
from service.operations.events import consumers as event_consumers

CONSUMER = gives("eventConsumer", EventConsumerRead)
LEASED = Gives("leased", LeasedEvents, lambda result: result.data, "The events and the lease")

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
