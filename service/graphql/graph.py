"""The graph on one page: which types there are, how rows of one lead to rows of another, and what may be done.

Everything else follows from these declarations: the schema, one SQL statement per root field, permissions, limits.
Fields of a type are the members of its read model, the same as in REST. To add an edge, add a line; every collection is
a connection, paged by keyset, with the filters and sorts of its listing.
"""

from __future__ import annotations

from enum import StrEnum

from service.access.policy import Permission
from service.framework.database.filters import filter_model
from service.framework.graph.edges import Graph, Many, One, Type
from service.graphql.documents import accounts as account_documents
from service.graphql.documents import classification as classification_documents
from service.graphql.documents import relationship as relationship_documents
from service.graphql.mutations.access import api_keys
from service.graphql.mutations.accounts import accounts, people, screenings, stakeholders
from service.graphql.mutations.accounts import statuses as account_statuses
from service.graphql.mutations.classification import classification
from service.graphql.mutations.events import consumers as event_consumers
from service.graphql.mutations.plans import actions, objectives, plans
from service.graphql.mutations.relationship import stages
from service.graphql.mutations.system import jobs
from service.graphql.mutations.webhooks import endpoints as webhooks
from service.graphql.mutations.webhooks import operating as webhook_operating
from service.graphql.plain import edges_of, page_of, query_by_ref, type_of
from service.graphql.queries import access as access_queries
from service.graphql.queries import classification as classification_queries
from service.graphql.queries import events as event_queries
from service.graphql.queries import portfolio as portfolio_queries
from service.graphql.queries import relationship as relationship_queries
from service.graphql.queries import webhook_keys as webhook_key_queries
from service.graphql.queries import webhooks as webhook_queries
from service.graphql.subscriptions import SUBSCRIPTIONS
from service.models.access.api_keys import ApiKeyRead
from service.models.accounts.accounts import AccountRead
from service.models.accounts.statuses import StatusEntryRead
from service.models.classification.ratings import RatingRead
from service.models.classification.results import ClassificationEntry
from service.models.classification.scoring_models import ScoringModelRead
from service.models.events.consumers import EventConsumerRead
from service.models.relationship.stages import StageEntryRead
from service.models.shapes import JobRead
from service.models.webhooks.endpoints import AttemptRead, DeliveryRead, WebhookEndpointRead
from service.operations.accounts.accounts import ACCOUNT_RECORD
from service.operations.accounts.people import PERSON
from service.operations.accounts.stakeholders import STAKEHOLDER
from service.operations.plans.actions import ACTION
from service.operations.plans.objectives import OBJECTIVE
from service.operations.plans.plans import PLAN
from service.queries.access.api_keys import API_KEYS
from service.queries.accounts.accounts import ACCOUNTS, AccountFilter
from service.queries.accounts.past import PAST
from service.queries.accounts.statuses import STATUS_ENTRIES
from service.queries.classification.classification import CLASSIFICATIONS
from service.queries.classification.ratings import RATINGS
from service.queries.classification.scoring_models import SCORING_MODELS
from service.queries.events.consumers import EVENT_CONSUMERS
from service.queries.relationship.stages import STAGE_ENTRIES
from service.queries.system.jobs import JOBS, JobFilter
from service.queries.webhooks.endpoints import ATTEMPTS, DELIVERIES, WEBHOOK_ENDPOINTS
from service.rules import vocabulary

PLAIN = (STAKEHOLDER, PERSON, PLAN, OBJECTIVE, ACTION)
"""Plain records: their types, edges, pages and queries by reference follow from their declarations."""

TYPES = (
    *map(type_of, PLAIN),
    Type("Account", AccountRead, ACCOUNTS, Permission.ACCOUNT_READ, AccountFilter, PAST),
    Type("ScoringModel", ScoringModelRead, SCORING_MODELS, Permission.CLASSIFICATION_READ),
    Type("ClassificationEntry", ClassificationEntry, CLASSIFICATIONS, Permission.CLASSIFICATION_READ),
    Type("Rating", RatingRead, RATINGS, Permission.CLASSIFICATION_READ),
    Type("StageEntry", StageEntryRead, STAGE_ENTRIES, Permission.STAGE_READ),
    Type("StatusEntry", StatusEntryRead, STATUS_ENTRIES, Permission.ACCOUNT_READ),
    Type("WebhookEndpoint", WebhookEndpointRead, WEBHOOK_ENDPOINTS, Permission.WEBHOOK_READ),
    Type(
        "WebhookDelivery",
        DeliveryRead,
        DELIVERIES,
        Permission.WEBHOOK_READ,
        filter_model("WebhookDeliveryFilter", DELIVERIES.filters),
    ),
    Type("WebhookAttempt", AttemptRead, ATTEMPTS, Permission.WEBHOOK_READ),
    Type("Job", JobRead, JOBS, Permission.JOB_READ, JobFilter),
    Type("EventConsumer", EventConsumerRead, EVENT_CONSUMERS, Permission.EVENT_READ),
    Type("ApiKey", ApiKeyRead, API_KEYS, Permission.API_KEY_READ, filter_model("ApiKeyFilter", API_KEYS.filters)),
)

EDGES = (
    One("Account", "parent", "Account", "parent_id", "The account this one belongs to"),
    One("Account", "owner", "Person", "owner_id", "The key account manager"),
    Many("Account", "children", "Account", "parent_id", "The accounts directly below"),
    Many(
        "Account", "classificationHistory", "ClassificationEntry", "account_id", "How it was classified, newest first"
    ),
    Many("Account", "ratings", "Rating", "account_id", "Every rating it ever got, newest first"),
    Many("Account", "stageHistory", "StageEntry", "account_id", "Its movements between stages, newest first"),
    Many("Account", "statusHistory", "StatusEntry", "account_id", "Its steps on the path, newest first"),
    *classification_documents.DOCUMENTS,
    *relationship_documents.DOCUMENTS,
    *account_documents.DOCUMENTS,
    *(edge for record in PLAIN for edge in edges_of(record, TYPES)),
    Many("WebhookEndpoint", "deliveries", "WebhookDelivery", "endpoint_id", "What was or will be sent, newest first"),
    One("WebhookDelivery", "endpoint", "WebhookEndpoint", "endpoint_id", "Where it goes"),
    Many("WebhookDelivery", "attemptLog", "WebhookAttempt", "delivery_id", "The calls that were made, in order"),
    One("Rating", "rater", "Person", "rater_id", "Who scored"),
    Many("Stakeholder", "reports", "Stakeholder", "reports_to_id", "The stakeholders who report to this one"),
    Many("Person", "accounts", "Account", "owner_id", "The accounts this person manages"),
    Many("Person", "actions", "Action", "owner_id", "The actions this person is to do"),
)

PAGES = (
    Many("", "accounts", "Account", description="Accounts"),
    *map(page_of, PLAIN),
    Many("", "scoringModels", "ScoringModel", description="Scoring models, newest first"),
    Many("", "webhookEndpoints", "WebhookEndpoint", description="Where events are sent, without secrets"),
    Many("", "jobs", "Job", description="Long work, newest first"),
    Many("", "eventConsumers", "EventConsumer", description="Named consumers of the feed"),
    Many("", "apiKeys", "ApiKey", description="API keys, without their values"),
)

MUTATIONS = tuple(
    call
    for part in (
        accounts,
        account_statuses,
        classification,
        screenings,
        stages,
        stakeholders,
        people,
        plans,
        objectives,
        actions,
        webhooks,
        webhook_operating,
        jobs,
        event_consumers,
        api_keys,
    )
    for call in part.MUTATIONS
)

QUERIES = tuple(
    call
    for part in (
        access_queries,
        event_queries,
        webhook_queries,
        portfolio_queries,
        relationship_queries,
        webhook_key_queries,
        classification_queries,
    )
    for call in part.QUERIES
)

VOCABULARIES = tuple(
    word
    for word in vars(vocabulary).values()
    if isinstance(word, type) and issubclass(word, StrEnum) and word is not StrEnum
)

GRAPH = Graph(
    TYPES,
    EDGES,
    PAGES,
    (*QUERIES, *map(query_by_ref, (ACCOUNT_RECORD, *PLAIN))),
    MUTATIONS,
    SUBSCRIPTIONS,
    VOCABULARIES,
)
