"""When an endpoint's answer means success: conditions on its status and its body."""

from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints, create_model

from service.platform.patterns import fitting
from service.platform.types import AnswerStatus, Shape

Scalar = str | bool | int | float | None
Pointer = Annotated[
    str,
    StringConstraints(
        strict=True,
        max_length=200,
        pattern=fitting(r"^(/([^~/]|~[01])*)*$", 'Must be a JSON pointer, such as "/results/0/success", or empty'),
    ),
]
WebhookSuccessTest = create_model(
    "WebhookSuccessTest",
    __base__=Shape,
    __doc__="What must hold at one place of an answer; at least one of `is`, `in` and `lt`, and all that are given.",
    **{
        "path": (Pointer, Member(description="JSON pointer to the value; empty for the whole", examples=["/success"])),
        "is": (Scalar, Member(default=None, description="It is this text, number, true, false or null")),
        "in": (
            Annotated[list[Scalar], Member(min_length=1, max_length=50)] | None,
            Member(default=None, description="It is one of these"),
        ),
        "lt": (float | None, Member(default=None, description="It is a number less than this")),
    },  # type: ignore[call-overload]
)


class WebhookSuccess(Shape):
    """What an answer must be to mean success. With it, an answer below 400 that does not meet it, or a 4xx about the
    record (all but 401, 403, 408, 410, 423, 425 and 429), ends the delivery at once as `dead` with the class `refused`.
    """

    statuses: Annotated[list[AnswerStatus], Member(min_length=1, max_length=20)] | None = Member(
        default=None, description="Statuses that can mean success; any 2xx when left out", examples=[[200, 201]]
    )
    body: Annotated[list[WebhookSuccessTest], Member(min_length=1, max_length=20)] | None = Member(  # type: ignore[valid-type]
        default=None, description="Conditions on the body, which must be JSON of at most 16 kB"
    )
    items: Pointer | None = Member(
        default=None, description="JSON pointer to a list of results inside the body; empty when the body is the list"
    )
    item: Annotated[list[WebhookSuccessTest], Member(min_length=1, max_length=20)] | None = Member(  # type: ignore[valid-type]
        default=None, description="Conditions on each of the results; needs `items`"
    )
