"""Ratings of an account's attractiveness: rating sheets, the values used, the history."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.framework.database.columns import bind
from service.framework.database.database import Page, Resource, Row
from service.framework.database.dialects import one_of
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement, inserting
from service.models.classification.ratings import AttractivenessPut, RatingChoice, RatingSheet, SheetEntry, ratings
from service.platform.errors import FieldError, Invalid, NotFound
from service.platform.ids import new_id
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.accounts.people import PEOPLE
from service.queries.classification.ratings import RATED, RATINGS
from service.records.classification.classification import StoredAccount, lock_stored, store_classification, unchanged
from service.records.classification.positions import plain_numbers, rating_of, same_for_this_version
from service.records.classification.scoring_models import ActiveModel, active_model, refused
from service.records.context import Context, Transaction, operation, refuse
from service.records.rows import Expected, require
from service.rules.classification.ratings import (
    MOST_RATERS,
    GivenRating,
    read_ratings,
    too_many_raters,
    unsupported,
    values_used,
)
from service.rules.verdicts import shown
from service.rules.vocabulary import ClassificationCause

KIND = "account"
_c = ratings.c
_SUPERSEDE = Statement(
    sa.update(ratings).where(one_of(_c.id, "ids")).values(superseded_at=bind("now", _c.superseded_at))
)
_CHOOSE = Statement(sa.update(ratings).where(one_of(_c.id, "ids")).values(chosen=bind("chosen", _c.chosen)))
_ADD = inserting(ratings)


@operation
async def put_attractiveness(
    ctx: Context, identifier: str, data: AttractivenessPut, expected: Expected = None
) -> Resource:
    """Replace an account's current ratings on the factors of the active model, classify it, and return the
    classification.

    A rating is a score from 0 to 10, or a metric in the factor's own unit that its bands turn into a score. Each rater
    rates a factor once; a factor has at most 10 raters. Ratings that are left out are withdrawn; those of factors that
    the active model lacks stay. Sends account.classified, and account.quadrant_changed when the quadrant changed;
    writing what is stored already writes and sends nothing. Raises NotFound, StaleVersion, and Invalid with a pointer
    for an unknown factor or rater, both or none of score and metric, a metric without a band, and a day in the future.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        written = await _sheet(tx, stored, [(one, one.rater_id) for one in data.scores])
        known = {factor.key for factor in stored.model.rules.factors}
        gone = [row for row in stored.ratings if row["factor"] in known and _key(row) not in written]
        return tx.answer(await _rewrite(tx, stored, written, gone))


@operation
async def add_rating_sheet(ctx: Context, identifier: str, data: RatingSheet, expected: Expected = None) -> Resource:
    """Store one rater's ratings, classify the account, and return the classification.

    Each rating supersedes this rater's earlier rating of the factor, which stays in the history; all other ratings stay
    current. If the superseded rating was chosen as the factor's value, the new one is chosen. Sends account.classified,
    and account.quadrant_changed when the quadrant changed. Raises NotFound, StaleVersion, and Invalid as for replacing
    all ratings.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        written = await _sheet(tx, stored, [(one, data.rater_id) for one in data.scores], "/rater_id")
        return tx.answer(await _rewrite(tx, stored, written, ()))


@operation
async def withdraw_rating(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Withdraw a current rating, classify its account, and return the classification. The rating stays in the history.
    A rating has no version of its own: the expected one is the account's, as its classification shows it. Raises
    NotFound for a rating that is not current, StaleVersion.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        rating = await require(tx.reader, RATINGS, identifier, "rating")
        stored = await lock_stored(tx, rating.data["account_id"], expected)
        gone = [row for row in stored.ratings if row["id"] == identifier]
        if not gone:
            raise NotFound("rating")
        return tx.answer(await _rewrite(tx, stored, {}, gone))


@operation
async def choose_rating(ctx: Context, identifier: str, data: RatingChoice, expected: Expected = None) -> Resource:
    """Choose one current rating as the value of its factor, or return to the mean of all raters, and return the
    classification. Raises NotFound, StaleVersion, and Invalid for an unknown factor or rating.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        stored = await lock_stored(tx, identifier, expected)
        if data.factor not in {factor.key for factor in stored.model.rules.factors}:
            raise refuse("/factor", "unknown_factor", f'The active scoring model has no factor "{data.factor}"')
        rated = [row for row in stored.ratings if row["factor"] == data.factor]
        if data.rating_id is not None and data.rating_id not in {row["id"] for row in rated}:
            raise refuse("/rating_id", "unknown_reference", "This factor has no current rating with this id")
        before = [row["id"] for row in rated if row["chosen"]]
        after = [] if data.rating_id is None else [data.rating_id]
        if before == after:
            return tx.answer(unchanged(tx, stored), "unchanged")
        for ids, chosen in ((before, False), (after, True)):
            if ids:
                await tx.execute(_CHOOSE, ids=ids, chosen=chosen)
        stored.ratings = [
            {**row, "chosen": row["id"] in after} if row["factor"] == data.factor else row for row in stored.ratings
        ]
        return tx.answer(
            await store_classification(tx, stored, (), ClassificationCause.ATTRACTIVENESS, reason=data.reason)
        )


async def get_rating(ctx: Context, identifier: str) -> Resource:
    """Read a rating of an account that is not deleted, current or not. Raises NotFound."""
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        rating = await require(reader, RATINGS, identifier, "rating")
        await require(reader, ACCOUNTS, rating.data["account_id"], KIND)
        return rating


async def get_attractiveness(ctx: Context, identifier: str) -> Resource:
    """Read an account's current ratings with their evidence and raters, the value used of each factor by the active
    model and the rule that gave it, how far apart the raters are, and which required factors are missing. Raises
    NotFound.
    """
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        row = await reader.one(RATED, id=identifier)
        if row is None:
            raise NotFound(KIND)
        rated = row["rated"]
        model = await active_model(reader, rated["model_id"], rated["model_version"])
    version = rated["version"] if same_for_this_version(rated, model) else 0
    return Resource(version, orjson.dumps(rated_document(rated, model)))


async def list_ratings(ctx: Context, identifier: str, request: PageRequest) -> Page:
    """List a page of all ratings of an account, newest first. Raises NotFound."""
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        await require(reader, ACCOUNTS, identifier, KIND)
        return await RATINGS.page(reader, request, ctx.cursors, where={"account_id": identifier})


def rated_document(rated: Mapping[str, Any], model: ActiveModel) -> dict[str, Any]:
    """Return the document of current ratings (`queries.ratings.CURRENT_RATINGS`) with the values used, what is missing,
    and warnings.
    """
    scores = [
        {
            **{name: row[name] for name in ("id", "factor")},
            "score": plain_numbers(Decimal(row["score"])),
            "metric": None if row["metric"] is None else orjson.loads(row["metric"]),
            **{name: row[name] for name in ("evidence", "rater_id", "scored_at", "chosen")},
        }
        for row in rated["scores"]
    ]
    factors = _factor_states(rated["scores"], model)
    return {
        "account_id": rated["account_id"],
        "version": rated["version"],
        "scores": scores,
        "factors": factors,
        "missing": [state["factor"] for state in factors if state["required"] and state["value"] is None],
        "warnings": [*_warnings(rated["scores"], factors)],
    }


def _factor_states(rows: Sequence[Mapping[str, Any]], model: ActiveModel) -> list[dict[str, Any]]:
    counts = Counter(row["factor"] for row in rows)
    used = values_used(model.rules, map(rating_of, rows))
    states = []
    for factor in model.rules.factors:
        value = used.get(factor.key)
        state = {
            "factor": factor.key,
            "name": factor.name,
            "required": factor.required,
            "value": None if value is None else shown(value.value),
            "rule": None if value is None else value.rule.value,
            "ratings": counts[factor.key],
            "spread": None if value is None else shown(value.spread),
            "disagreement": value is not None and value.disagreement,
        }
        states.append(plain_numbers(state))
    return states


def _warnings(rows: Iterable[Mapping[str, Any]], factors: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    for index, row in enumerate(rows):
        if row["without_new_evidence"]:
            message = f"The score of {row['factor']} was changed without new evidence."
            yield {"pointer": f"/scores/{index}", "code": "changed_without_evidence", "message": message}
    for index, state in enumerate(factors):
        if state["disagreement"]:
            message = f"The raters of {state['factor']} are {state['spread']} points apart."
            yield {"pointer": f"/factors/{index}", "code": "raters_disagree", "message": message}


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return a rating's factor and rater; only one rating of each pair is current."""
    return row["factor"], row["rater_key"]


async def _sheet(
    tx: Transaction,
    stored: StoredAccount,
    given: Sequence[tuple[SheetEntry, str | None]],
    rater: str = "/scores/{index}/rater_id",
) -> dict[tuple[str, str], Row]:
    """Return given ratings as rows to store, by factor and rater; raises Invalid with the rules' verdicts. `rater` is
    the pointer to a rater in the request.
    """
    entries = [GivenRating(one.factor, one.score, one.metric, who or "") for one, who in given]
    read = read_ratings(stored.model.rules, entries)
    if read.verdicts:
        raise refused(read.verdicts)
    await _require_raters(tx, [who for _, who in given], rater)
    days = [_scored_at(tx, one.scored_on, f"/scores/{index}/scored_on") for index, (one, _) in enumerate(given)]
    return {
        (one.factor, who or ""): {
            "id": new_id(tx.now),
            "account_id": stored.account.id,
            "factor": one.factor,
            "rater_id": who,
            "rater_key": who or "",
            "score": score,
            "metric": None if one.metric is None else str(plain_numbers(one.metric)),
            "evidence": one.evidence,
            "scored_at": day or tx.now,
            "given_day": one.scored_on,
            "recorded_at": tx.now,
            "recorded_by": tx.cause["key_id"],
            "superseded_at": None,
        }
        for (one, who), score, day in zip(given, read.scores, days, strict=True)
    }


def _scored_at(tx: Transaction, day: date | None, pointer: str) -> datetime | None:
    """Return the instant of a given day: its beginning in UTC, or now for today. Raises Invalid for a day in the
    future.
    """
    if day is None:
        return None
    if day > tx.today:
        raise refuse(pointer, "in_the_future", f"{day} is in the future. A score is from today or earlier")
    return tx.now if day == tx.today else datetime.combine(day, time(), UTC)


async def _rewrite(
    tx: Transaction, stored: StoredAccount, written: Mapping[tuple[str, str], Row], gone: Sequence[Row]
) -> Resource:
    """Store the ratings that differ from the current ones, withdraw those that are gone, and classify the account."""
    current = {_key(row): row for row in stored.ratings}
    added = []
    for place, row in written.items():
        before = current.get(place)
        if before is None or not _same(before, row):
            carried = before is not None and before["chosen"]
            added.append({**row, "chosen": carried, "without_new_evidence": unsupported(before, row)})
    if stored.latest is not None and not added and not gone:
        return tx.answer(unchanged(tx, stored), "unchanged")
    left = {_key(row) for row in (*gone, *added)}
    kept = [row for row in stored.ratings if _key(row) not in left]
    _check_raters([*kept, *added])
    superseded = [row["id"] for place, row in current.items() if place in left]
    if superseded:
        await tx.execute(_SUPERSEDE, ids=superseded, now=tx.now)
    if added:
        await tx.many(_ADD, added)
    stored.ratings = sorted([*kept, *added], key=_key)
    return await store_classification(tx, stored, (), ClassificationCause.ATTRACTIVENESS)


def _same(stored: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Return whether a rating equals the current one. A rating without a day keeps the stored day."""
    if row["given_day"] is not None and stored["scored_at"].date() != row["given_day"]:
        return False
    return all(stored[name] == row[name] for name in ("score", "metric", "evidence"))


def _check_raters(rows: Iterable[Mapping[str, Any]]) -> None:
    factors = too_many_raters(Counter(row["factor"] for row in rows))
    if factors:
        message = f"{', '.join(sorted(factors))} would have more than {MOST_RATERS} raters. Withdraw some first."
        raise refuse("/scores", "too_many_raters", message)


async def _require_raters(tx: Transaction, given: Sequence[str | None], pointer: str) -> None:
    """Raise Invalid for raters that are not people; one statement for all of them."""
    raters = sorted({rater for rater in given if rater is not None})
    if not raters:
        return
    known = {None, *(row["id"] for row in await tx.all(PEOPLE.by_ids(), ids=raters))}
    unknown = dict.fromkeys(pointer.format(index=index) for index, rater in enumerate(given) if rater not in known)
    if unknown:
        message = "There is no person with this id"
        raise Invalid([FieldError("unknown_reference", message, pointer=each) for each in unknown])
