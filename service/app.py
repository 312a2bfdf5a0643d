"""The only place where the parts are joined: settings in, the FastAPI application out."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import FastAPI
from starlette.routing import Route, WebSocketRoute

from service import __version__
from service.access.principal import Principal
from service.delivery.probe import Probe
from service.events.catalogue import catalogue as event_catalogue
from service.events.examples import example
from service.events.feed.watch import FeedWatch
from service.events.schemas import schemas
from service.framework.database.announcing import announcing
from service.framework.database.database import opened
from service.framework.database.statements import Statement
from service.framework.graph.edges import Graph
from service.framework.graph.router import GraphQLApp
from service.framework.web import problems
from service.framework.web.admission import Admission, AdmittedApp
from service.framework.web.contract import contract_part, openapi
from service.framework.web.docs import docs_part, graphiql_page
from service.framework.web.edge import Application, Edge
from service.framework.web.event_contract import Webhook, asyncapi
from service.framework.web.health import Checks, health_part
from service.framework.web.request import RequestInfo
from service.framework.web.router import Part
from service.graphql.graph import GRAPH
from service.operations.classification.scoring_models import ensure_default_model
from service.platform.long_running import keep_what_lives, return_unused_memory
from service.platform.settings import Settings
from service.platform.telemetry import AccessLog, Metrics, configure_logging
from service.records.context import Context, Services
from service.records.services import make_services
from service.rest.access import api_keys
from service.rest.accounts import accounts, people, screenings, stakeholders
from service.rest.accounts import statuses as account_statuses
from service.rest.classification import (
    classification,
    judgements,
    portfolio,
    quadrant_choices,
    ratings,
    reclassifications,
    scoring_models,
)
from service.rest.events import consumers as event_consumers
from service.rest.events import events
from service.rest.events import streams as event_streams
from service.rest.plans import actions, objectives, plans
from service.rest.relationship import stages
from service.rest.system import jobs
from service.rest.webhooks import endpoints as webhooks
from service.rest.webhooks import operating as webhook_operating
from service.worker import Worker

_PING = Statement(sa.select(sa.literal_column("1").label("one")))
PREPARE_AFTER_SECONDS = 0.5
TITLE = "Key account management"
PARTS = (
    accounts.part,
    account_statuses.part,
    scoring_models.part,
    classification.part,
    judgements.part,
    ratings.part,
    quadrant_choices.part,
    screenings.part,
    stages.part,
    portfolio.part,
    reclassifications.part,
    stakeholders.part,
    people.part,
    plans.part,
    objectives.part,
    actions.part,
    events.part,
    event_streams.part,
    event_consumers.part,
    webhooks.part,
    webhook_operating.part,
    jobs.part,
    api_keys.part,
)
TAGS = {
    "accounts": "The customers, found by our id and by theirs",
    "classification": "Where each account stands, and why",
    "stages": "How close the relationship is, and its movements",
    "stakeholders": "The customer's people",
    "people": "Our people",
    "plans": "Account plans with objectives and actions",
    "portfolio": "All accounts side by side",
    "events": "What happened, in order",
    "webhooks": "Where events are sent, and every attempt",
    "jobs": "Long work, its progress and its result",
    "access": "API keys and the caller",
    "service": "Health, metrics and the contract",
}
DESCRIPTION = (
    "A headless key account management service: accounts, stakeholders, plans, the four-box and nine-cell "
    "classification, relationship stages, events and signed webhooks. The same operations are served as GraphQL."
)

EVENTS_DESCRIPTION = (
    "The events of accounts, plans and people. Signed webhooks, the feed /v1/events, server-sent events and GraphQL "
    "subscriptions carry the same events with the same ids, in the same order per account."
)


def create_app(
    settings: Settings | None = None,
    *,
    services: Services | None = None,
    parts: Sequence[Part] = PARTS,
    graph: Graph = GRAPH,
    edge: bool = True,
) -> FastAPI:
    """Return the FastAPI application; `services` are made from the settings unless tests give them.

    The edge is its first middleware and runs the same routes faster; without it (`edge=False`) FastAPI serves them
    itself. Middleware that is added later runs around the edge: it sees every request first and the finished answer.
    """
    settings = settings or Settings()
    configure_logging(settings.log_level)
    services = services or make_services(settings)
    services.probe = probe = Probe(services)
    metrics = Metrics()
    page = graphiql_page()
    graphql = GraphQLApp(graph, services.cursors, page=(page.body, page.headers))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(opened(services.database))
            stack.push_async_callback(probe.close)
            await ensure_default_model(services)
            await stack.enter_async_context(announcing(services.database))
            if settings.worker:
                await stack.enter_async_context(Worker(services, metrics).running())
            preparing = asyncio.create_task(_prepare_soon(graphql))
            keep_what_lives()
            end_streams_on_signals(services.watch)
            yield
            await services.watch.close()
            preparing.cancel()
            await asyncio.gather(preparing, return_exceptions=True)

    app = declared(metrics, lambda: _checks(services), lifespan, parts, _public_path(settings))
    app.state.admission = admission = Admission(
        lambda headers: _authenticate(services, headers),
        lambda principal, info: _context(services, principal, info),
        until_refused=lambda headers: services.authenticator.until_refused(headers.get(b"authorization")),
        rate=settings.rate_limit,
        burst=settings.rate_burst,
        max_body=settings.max_body_bytes,
        prefix=_public_path(settings),
    )
    served = AdmittedApp(graphql, graphql.connect, admission)
    # In front of the others: FastAPI takes a tenth of a second to look through its routes for the first time.
    app.router.routes[:0] = [
        Route("/graphql", served, methods=["GET", "POST"], include_in_schema=False),
        WebSocketRoute("/graphql", served),
    ]
    if edge:
        access_log = AccessLog(enabled=settings.access_log)
        app.add_middleware(
            Edge, admission=admission, metrics=metrics, access_log=access_log, cors_origins=settings.cors_origins
        )
    return app


def declared(
    metrics: Metrics | None = None,
    checks: Checks | None = None,
    lifespan: Any = None,
    parts: Sequence[Part] = PARTS,
    prefix: str = "",
) -> FastAPI:
    """Return FastAPI with every part declared: what the contract is made from."""
    app = Application(
        title=TITLE,
        version=__version__,
        description=DESCRIPTION,
        contact={"name": "The maintainers of this service"},
        license_info={"name": "MIT", "identifier": "MIT"},
        servers=[{"url": prefix or "/", "description": "This service"}],
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
        # Asking OpenTelemetry whether it is configured costs each request 8 us; the service has metrics of its own.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    problems.install(app)
    health = health_part(checks or _nothing_checked, metrics or Metrics())
    for part in (*parts, health, contract_part(lambda: document(app), events_document), docs_part(TITLE)):
        app.include_router(part)
    return app


def _public_path(settings: Settings) -> str:
    """Return the path of the public URL, which a proxy strips; empty without one."""
    return urlsplit(settings.public_url or "").path.rstrip("/")


def document(app: FastAPI | None = None) -> dict[str, Any]:
    """Return the OpenAPI document of the service."""
    return openapi(app or declared(), tags=TAGS, webhooks=_webhooks())


def end_streams_on_signals(watch: FeedWatch) -> None:
    """End the streams at SIGTERM and SIGINT, then call the handler that was there before.

    The server waits for open connections before it ends the application, and streams never end by themselves.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if not callable(before):
            continue

        def end_streams(number: int, frame: Any, before: Any = before) -> None:
            with suppress(RuntimeError):  # the loop is closed already
                loop.call_soon_threadsafe(lambda: loop.create_task(watch.close()))
            before(number, frame)

        signal.signal(number, end_streams)


async def _prepare_soon(graph: GraphQLApp) -> None:
    """Build the GraphQL schema once the service listens; a request that comes earlier builds it itself."""
    await asyncio.sleep(PREPARE_AFTER_SECONDS)
    await graph.prepare()
    await asyncio.to_thread(return_unused_memory)


def events_document() -> dict[str, Any]:
    """Return the AsyncAPI document of the service."""
    return asyncapi(TITLE, __version__, EVENTS_DESCRIPTION, _webhooks())


def _webhooks() -> list[Webhook]:
    shapes = schemas()
    return [
        Webhook(name, " ".join((kind.__doc__ or "").split()), shapes[name], [example(name)])
        for name, kind in event_catalogue().items()
    ]


def _authenticate(services: Services, headers: Mapping[bytes, bytes]) -> Any:
    authorization, now = headers.get(b"authorization"), time.monotonic()
    return services.authenticator.known(authorization, now) or services.authenticator.look_up(authorization, now)


def _context(services: Services, principal: Principal, info: RequestInfo) -> Context:
    return Context(services, principal, request_id=info.request_id)


async def _nothing_checked() -> dict[str, str]:
    return {}


async def _checks(services: Services) -> dict[str, str]:
    try:
        async with asyncio.timeout(2), services.database.reading() as reader:
            await reader.value(_PING)
    except Exception as error:  # whatever went wrong, the service cannot work
        return {"database": type(error).__name__}
    return {"database": "the disk is full" if services.database.is_full else "ok"}
