"""Events about the service's own deliveries: for whoever operates it, and for nobody's accounts."""

from __future__ import annotations

from service.events.event import RecordEvent


class OperatorEvent(RecordEvent):
    """An event about the service's own deliveries. When its delivery is given up, no event tells of that: there would
    be no end to it.
    """


class WebhookEndpointDisabled(OperatorEvent):
    """The service turned a webhook endpoint off; its deliveries are held."""

    type = "webhook_endpoint.disabled"


class WebhookEndpointEnabled(OperatorEvent):
    """A webhook endpoint was turned on again; `held` says what became of the deliveries it missed: resume, drop or
    replay.
    """

    type = "webhook_endpoint.enabled"


class WebhookEndpointFailing(OperatorEvent):
    """A webhook endpoint has only failed for 25, 50 or 75 % (`percent`) of the time after which it is turned off."""

    type = "webhook_endpoint.failing"


class WebhookEndpointBreakerOpened(OperatorEvent):
    """Calls of a webhook endpoint failed one after the other: but for one probe at a time its deliveries wait."""

    type = "webhook_endpoint.breaker_opened"


class WebhookEndpointBreakerClosed(OperatorEvent):
    """A probe of a webhook endpoint arrived: its deliveries go out again, few at a time at first."""

    type = "webhook_endpoint.breaker_closed"


class DeliveryExhausted(OperatorEvent):
    """A delivery was given up after its last attempt."""

    type = "delivery.exhausted"


class DeliveryRecovered(OperatorEvent):
    """A delivery arrived after three attempts or more that failed."""

    type = "delivery.recovered"


class WebhookTest(OperatorEvent):
    """A test event, sent to one endpoint only."""

    type = "webhook.test"
