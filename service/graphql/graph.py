"""The graph on one page: which types there are, how rows of one lead to rows of another, and what may be done.

Everything else follows from these declarations: the schema, one SQL statement per root field, permissions, limits.
Fields of a type are the members of its read model, the same as in REST. To add an edge, add a line; every collection is
a connection, paged by keyset, with the filters and sorts of its listing.
"""

from __future__ import annotations

from service.access.policy import Permission
from service.graphql.account_documents import DOCUMENTS
from service.graphql.edges import Graph, Many, One, Type
from service.graphql.mutations import (
    account_statuses,
    accounts,
    actions,
    api_keys,
    classification,
    event_consumers,
    forecasts,
    general_portfolios,
    jobs,
    objectives,
    people,
    plans,
    screenings,
    stages,
    stakeholders,
    webhook_operating,
    webhooks,
)
from service.graphql.queries import QUERIES
from service.graphql.subscriptions import SUBSCRIPTIONS
from service.models.account_statuses import StatusEntryRead
from service.models.accounts import AccountRead
from service.models.actions import ActionRead
from service.models.api_keys import ApiKeyRead
from service.models.classification_results import ClassificationEntry
from service.models.event_consumers import EventConsumerRead
from service.models.jobs import JobRead
from service.models.objectives import ObjectiveRead
from service.models.people import PersonRead
from service.models.plans import PlanRead
from service.models.ratings import RatingRead
from service.models.scoring_models import ScoringModelRead
from service.models.stages import StageEntryRead
from service.models.stakeholders import StakeholderRead
from service.models.webhooks import AttemptRead, DeliveryRead, WebhookEndpointRead
from service.platform.filters import filter_model
from service.queries.account_statuses import STATUS_ENTRIES
from service.queries.accounts import ACCOUNTS, AccountFilter
from service.queries.api_keys import API_KEYS
from service.queries.classification import CLASSIFICATIONS
from service.queries.event_consumers import EVENT_CONSUMERS
from service.queries.jobs import JOBS, JobFilter
from service.queries.past import PAST
from service.queries.people import PEOPLE, PersonFilter
from service.queries.plans import ACTIONS, OBJECTIVES, PLANS, ActionFilter, ObjectiveFilter, PlanFilter
from service.queries.ratings import RATINGS
from service.queries.scoring_models import SCORING_MODELS
from service.queries.stages import STAGE_ENTRIES
from service.queries.stakeholders import STAKEHOLDERS, StakeholderFilter
from service.queries.webhooks import ATTEMPTS, DELIVERIES, WEBHOOK_ENDPOINTS

TYPES = (
    Type("Account", AccountRead, ACCOUNTS, Permission.ACCOUNT_READ, AccountFilter, PAST),
    Type("Stakeholder", StakeholderRead, STAKEHOLDERS, Permission.STAKEHOLDER_READ, StakeholderFilter),
    Type("Person", PersonRead, PEOPLE, Permission.PERSON_READ, PersonFilter),
    Type("Plan", PlanRead, PLANS, Permission.PLAN_READ, PlanFilter),
    Type("Objective", ObjectiveRead, OBJECTIVES, Permission.PLAN_READ, ObjectiveFilter),
    Type("Action", ActionRead, ACTIONS, Permission.PLAN_READ, ActionFilter),
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
    Type("ApiKey", ApiKeyRead, API_KEYS, Permission.API_KEY_READ),
)

EDGES = (
    One("Account", "parent", "Account", "parent_id", "The account this one belongs to"),
    One("Account", "owner", "Person", "owner_id", "The key account manager"),
    Many("Account", "children", "Account", "parent_id", "The accounts directly below"),
    Many(
        "Account", "stakeholders", "Stakeholder", "account_id", "The customer's people who take part in its decisions"
    ),
    Many("Account", "plans", "Plan", "account_id", "The account plans"),
    Many("Account", "objectives", "Objective", "account_id", "The objectives of all its plans"),
    Many("Account", "actions", "Action", "account_id", "The actions of all its objectives"),
    Many(
        "Account", "classificationHistory", "ClassificationEntry", "account_id", "How it was classified, newest first"
    ),
    Many("Account", "ratings", "Rating", "account_id", "Every rating it ever got, newest first"),
    Many("Account", "stageHistory", "StageEntry", "account_id", "Its movements between stages, newest first"),
    Many("Account", "statusHistory", "StatusEntry", "account_id", "Its steps on the path, newest first"),
    *DOCUMENTS,
    Many("WebhookEndpoint", "deliveries", "WebhookDelivery", "endpoint_id", "What was or will be sent, newest first"),
    One("WebhookDelivery", "endpoint", "WebhookEndpoint", "endpoint_id", "Where it goes"),
    Many("WebhookDelivery", "attemptLog", "WebhookAttempt", "delivery_id", "The calls that were made, in order"),
    One("Stakeholder", "account", "Account", "account_id", "The account"),
    One("Stakeholder", "reportsTo", "Stakeholder", "reports_to_id", "The stakeholder this one reports to"),
    One("Rating", "rater", "Person", "rater_id", "Who scored"),
    Many("Stakeholder", "reports", "Stakeholder", "reports_to_id", "The stakeholders who report to this one"),
    Many("Person", "accounts", "Account", "owner_id", "The accounts this person manages"),
    Many("Person", "actions", "Action", "owner_id", "The actions this person is to do"),
    One("Plan", "account", "Account", "account_id", "The account"),
    One("Plan", "owner", "Person", "owner_id", "Who is responsible for the plan"),
    Many("Plan", "objectives", "Objective", "plan_id", "What is to be reached"),
    One("Objective", "account", "Account", "account_id", "The account"),
    One("Objective", "plan", "Plan", "plan_id", "The plan"),
    Many("Objective", "actions", "Action", "objective_id", "What is to be done for it"),
    One("Action", "account", "Account", "account_id", "The account"),
    One("Action", "objective", "Objective", "objective_id", "The objective it serves"),
    One("Action", "owner", "Person", "owner_id", "Who is to do it"),
)

PAGES = (
    Many("", "accounts", "Account", description="Accounts"),
    Many("", "stakeholders", "Stakeholder", description="Stakeholders of all accounts"),
    Many("", "people", "Person", description="Our own people"),
    Many("", "plans", "Plan", description="Plans of all accounts"),
    Many("", "objectives", "Objective", description="Objectives of all plans"),
    Many("", "actions", "Action", description="Actions of all objectives"),
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
        forecasts,
        general_portfolios,
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

GRAPH = Graph(TYPES, EDGES, PAGES, QUERIES, MUTATIONS, SUBSCRIPTIONS)
