"""Mutations of the general portfolio."""

from service.framework.graph.calls import Call, Gives, RecordId, body, gives, identifier, if_version
from service.models.accounts.accounts import AccountRead
from service.models.classification.general_portfolios import GeneralPortfolioPut, GeneralPortfolioRead
from service.operations.classification import general_portfolios

ID = identifier("accountId", "The account")
ACCOUNT = Gives(
    "account", AccountRead | None, lambda result: RecordId(result.data["account_id"]), "The account as it is now"
)
INPUT = body(GeneralPortfolioPut, "PutGeneralPortfolioInput")
GIVES = (*gives("generalPortfolio", GeneralPortfolioRead), ACCOUNT)

MUTATIONS = (
    Call("putGeneralPortfolio", general_portfolios.put_general_portfolio, (ID, INPUT, if_version()), GIVES),
    Call("deleteGeneralPortfolio", general_portfolios.delete_general_portfolio, (ID, if_version()), GIVES),
)
