"""The document of the status of an account."""

from __future__ import annotations

from service.access.policy import Permission
from service.framework.database.dialects import json_row
from service.framework.graph.edges import Document
from service.models.accounts.statuses import AccountStatusRead
from service.operations.accounts.statuses import status_document
from service.queries.accounts.statuses import FACTS

DOCUMENTS = (
    Document(
        "Account",
        "statusDetail",
        "AccountStatusDetail",
        AccountStatusRead,
        json_row(FACTS),
        Permission.ACCOUNT_READ,
        status_document,
        "Its place on the path from customer to managed key account, and the steps that can follow",
    ),
)
