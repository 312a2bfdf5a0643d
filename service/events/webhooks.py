"""Events about the service's own deliveries, for its operators."""

from service.access.policy import Permission
from service.events.event import RecordEvent
from service.events.payload import Payload, text
from service.models.webhooks.endpoints import DeliveryRead, WebhookEndpointRead


class OperatorEvent(RecordEvent, abstract=True):
    """An event about the service's own deliveries. When its delivery is given up, no further event is emitted: that
    chain would not end.
    """


class WebhookEndpointDisabled(OperatorEvent):
    """The service turned a webhook endpoint off; its deliveries are held."""

    type = "webhook_endpoint.disabled"
    permission = Permission.WEBHOOK_READ
    record = WebhookEndpointRead


class WebhookEndpointEnabled(OperatorEvent):
    """A webhook endpoint was turned on again; `held` says whether the deliveries it missed were resumed, dropped or
    replayed.
    """

    type = "webhook_endpoint.enabled"
    permission = Permission.WEBHOOK_READ
    record = WebhookEndpointRead
    payload = Payload(optional={"held": text("What became of what was held: resume, drop or replay")})


class WebhookEndpointFailing(OperatorEvent):
    """All calls of a webhook endpoint have failed for 25, 50 or 75 % (`percent`) of the time after which it is turned
    off.
    """

    type = "webhook_endpoint.failing"
    permission = Permission.WEBHOOK_READ
    record = WebhookEndpointRead
    payload = Payload(
        more={"percent": {"type": "integer", "description": "25, 50 or 75: how much of the time has passed"}}
    )


class WebhookEndpointBreakerOpened(OperatorEvent):
    """Several calls of a webhook endpoint failed in a row: its deliveries wait, except for one probe at a time."""

    type = "webhook_endpoint.breaker_opened"
    permission = Permission.WEBHOOK_READ
    record = WebhookEndpointRead


class WebhookEndpointBreakerClosed(OperatorEvent):
    """A probe of a webhook endpoint succeeded: its deliveries go out again, slowly at first."""

    type = "webhook_endpoint.breaker_closed"
    permission = Permission.WEBHOOK_READ
    record = WebhookEndpointRead


class DeliveryExhausted(OperatorEvent):
    """A delivery failed in its last attempt and is not tried again."""

    type = "delivery.exhausted"
    permission = Permission.WEBHOOK_READ
    record = DeliveryRead


class DeliveryRecovered(OperatorEvent):
    """A delivery succeeded after three or more failed attempts."""

    type = "delivery.recovered"
    permission = Permission.WEBHOOK_READ
    record = DeliveryRead


class WebhookTest(OperatorEvent):
    """A test event, sent to one endpoint only."""

    type = "webhook.test"
    permission = Permission.WEBHOOK_READ
    payload = Payload(more={"webhook_endpoint": {"$ref": "#/$defs/WebhookEndpointRead"}})
