"""Make a portfolio with a year of history (`kam serve --demo`).

The demo calls the operations with a clock of its own, so that every rule, event and history entry is real. It loads
once, into an empty database only.
"""

import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from service.access.policy import Permission
from service.access.principal import SYSTEM
from service.cli import demo_portfolio as portfolio
from service.cli.demo_portfolio import Company
from service.framework.database.listing import PageRequest
from service.models.accounts.accounts import AccountCreate
from service.models.classification.classification import BusinessStrengthPut
from service.models.classification.forecasts import ForecastPositionPut
from service.models.classification.ratings import AttractivenessPut
from service.models.classification.scoring_models import ScoringModelCreate
from service.models.plans.actions import ActionPatch
from service.models.plans.plans import PlanTransition
from service.models.relationship.stages import StageTransitionCreate, TargetStagePut
from service.operations.accounts import accounts
from service.operations.accounts.people import PERSON
from service.operations.accounts.stakeholders import STAKEHOLDER
from service.operations.classification import classification, ratings, reclassifications, scoring_models
from service.operations.classification.forecasts import FORECAST_POSITIONS
from service.operations.plans.actions import ACTION
from service.operations.plans.objectives import OBJECTIVE
from service.operations.plans.plans import PLAN, transition_plan
from service.operations.relationship import stages
from service.platform.clock import SetClock
from service.records.context import Context, Services
from service.records.services import make_services
from service.rules.classification.classification import DEFAULT_MODEL
from service.rules.classification.factor_library import DEFAULT_SUCCESS_FACTORS

COMPANY = {company.name: company for company in portfolio.COMPANIES}
HEAD = next(number for number, member in enumerate(portfolio.TEAM) if member.function == "senior management")
"""The head of key accounts, by number in the team."""
DAYS = 365
QUARTERS = (28, 118, 208, 298, 355)
"""The days of the year on which the portfolio is rated again."""


async def load(services: Services, progress: Callable[[int, int], None] | None = None) -> int:
    """Make the demo's year in an empty database. Return the number of accounts made, 0 when there were accounts
    already.
    """
    ctx = Context(services, SYSTEM, cause={"kind": "demo", "origin": None})
    ctx.require(Permission.ACCOUNT_WRITE)
    if (await accounts.list_accounts(ctx, PageRequest(limit=1))).items:
        return 0
    now = services.clock.now()
    await _Year(services, now).run(progress)
    return len(portfolio.COMPANIES)


class _Year:
    """Run the year's steps in the order of their days, each with the clock set to its day."""

    def __init__(self, services: Services, now: datetime) -> None:
        self._clock = SetClock(now)
        self._start = now - timedelta(days=DAYS)
        self._random = random.Random(2026)  # noqa: S311 - a demo that is the same every time
        self._steps: list[tuple[float, Callable[[], Awaitable[Any]]]] = []
        self._ids: dict[str, str] = {}
        self._services = make_services(services.settings, self._clock)
        self._services.database = services.database

    @property
    def _ctx(self) -> Context:
        return Context(self._services, SYSTEM, cause={"kind": "demo", "origin": None})

    async def run(self, progress: Callable[[int, int], None] | None) -> None:
        """Plan the steps of the year, then run them."""
        for number, member in enumerate(portfolio.TEAM):
            self._at(0.1 + number / 50, self._add_person, number, member.title, member.function)
        for place, company in enumerate(portfolio.COMPANIES):
            self._plan(company, place)
        self._at(portfolio.SECOND_MODEL_DAY, self._change_model)
        for number, (name, *position, reason) in enumerate(portfolio.FORECASTS):
            self._at(portfolio.EXPECTED_DAY + number / 2, self._expect, name, position, reason, number)
        self._steps.sort(key=lambda step: step[0])
        for number, (day, run) in enumerate(self._steps, 1):
            self._clock.set(self._start + timedelta(days=day))
            await run()
            if progress is not None:
                progress(number, len(self._steps))

    def _at(self, day: float, run: Callable[..., Awaitable[Any]], *values: Any) -> None:
        """Add a step of one day. What is random in its values is drawn by the caller, while the year is planned."""
        self._steps.append((day, partial(run, *values)))

    def _plan(self, company: Company, place: int) -> None:
        """Plan every step of one company."""
        begin = 1 + self._random.random() * 6 + (2 if company.parent else 0)
        self._at(begin, self._take_in, company)
        for number in range(2 + self._random.randrange(4)):
            stance = self._random.choice((-1, 0, 0, 1, 1, 2))
            self._at(begin + 0.5 + number / 10, self._meet, company, number, stance)
        for quarter, day in enumerate(QUARTERS):
            share = quarter / (len(QUARTERS) - 1)
            rated_on = day + self._random.random() * 4
            self._at(rated_on, self._score, company, self._scores(company, share, place, quarter))
            compared_on = day + 5 + self._random.random()
            self._at(compared_on, self._compare, company, self._strengths(company, share))
        for day, stage in company.path:
            self._at(day + self._random.random(), self._move, company, stage)
        if company.target is not None:
            self._at(40 + self._random.random() * 20, self._aim, company, company.target)
        if company.attractive[1] >= 6 and company.revenue >= 600_000:
            written_on = 60 + self._random.random() * 30
            until = self._random.choice(("submitted", "approved", "active", "active", "active"))
            self._at(written_on, self._write_plan, company, until)

    async def _add_person(self, number: int, title: str, function: str) -> None:
        refs: Any = [{"system": "demo", "external_id": f"person-{number + 1}"}]
        data = PERSON.create.model_validate({"name": title, "title": title, "function": function, "refs": refs})
        self._ids[f"person {number}"] = (await PERSON.add(self._ctx, data)).id

    async def _take_in(self, company: Company) -> None:
        data = AccountCreate.model_validate(
            {
                "name": company.name,
                "industry": company.industry,
                "country": company.country,
                "currency": "EUR",
                "revenue": f"{company.revenue}.00",
                "owner_id": self._ids[f"person {company.owner}"],
                "parent_id": self._ids.get(company.parent or ""),
                "scope": company.scope,
                "tags": ["demo"],
                "refs": [{"system": "demo", "external_id": company.name.lower().replace(" ", "-")}],
            }
        )
        self._ids[company.name] = (await accounts.ACCOUNT_RECORD.add(self._ctx, data)).id

    async def _meet(self, company: Company, number: int, stance: int) -> None:
        title, function, roles, influence = portfolio.STAKEHOLDERS[number % len(portfolio.STAKEHOLDERS)]
        data = {"name": title, "title": title, "function": function, "roles": list(roles), "influence": influence}
        shape = STAKEHOLDER.create.model_validate({**data, "stance": stance})
        await STAKEHOLDER.add(self._ctx, shape, self._ids[company.name])

    def _scores(self, company: Company, share: float, place: int, quarter: int) -> list[dict[str, Any]]:
        """Return the scores that an account gets by its key account manager.

        From the second quarter on the head of key accounts rates some accounts too, and scores the growth of one very
        differently.
        """
        level = _between(company.attractive, share)
        raters = [company.owner] if quarter == 0 or place % portfolio.DISAGREEING else [company.owner, HEAD]
        scores = [
            {"factor": factor.key, "score": self._near(level), "evidence": "Quarterly review", "rater": rater}
            for rater in raters
            for factor in DEFAULT_MODEL.factors
        ]
        if len(raters) > 1 and quarter == 2 and place % (3 * portfolio.DISAGREEING) == 0:
            doubted = next(score for score in scores if score["rater"] == HEAD and score["factor"] == "growth")
            doubted |= {"score": self._near(max(0.0, level - 4)), "evidence": "Their order book has shrunk"}
        return scores

    async def _score(self, company: Company, scores: list[dict[str, Any]]) -> None:
        for score in scores:
            score["rater_id"] = self._ids[f"person {score.pop('rater')}"]
        shape = AttractivenessPut.model_validate({"scores": scores})
        await ratings.put_attractiveness(self._ctx, self._ids[company.name], shape)

    async def _change_model(self) -> None:
        """Activate another scoring model for all accounts: other weights, a higher cut, a dead band."""
        factors = [
            {
                "key": factor.key,
                "name": factor.name,
                "weight": factor.weight + portfolio.SHIFTED_WEIGHTS.get(factor.key, 0),
                "direction": factor.direction.value,
                "required": factor.required,
            }
            for factor in DEFAULT_MODEL.factors
        ]
        fields = {"name": portfolio.SECOND_MODEL, "cuts": {"attractiveness": portfolio.HIGHER_CUT}}
        shape = ScoringModelCreate.model_validate({**fields, "factors": factors, "dead_band": portfolio.DEAD_BAND})
        made = await scoring_models.create_scoring_model(self._ctx, shape)
        await reclassifications.activate_scoring_model(self._ctx, made.id)

    async def _expect(self, name: str, position: list[float], reason: str, number: int) -> None:
        values = dict(zip(("attractiveness", "relative_strength"), position, strict=True))
        author = self._ids[f"person {HEAD if number % 2 else COMPANY[name].owner}"]
        shape = ForecastPositionPut.model_validate({**values, "reason": reason, "author_id": author})
        await FORECAST_POSITIONS.put(self._ctx, self._ids[name], shape)

    def _strengths(self, company: Company, share: float) -> list[dict[str, Any]]:
        ours, rival = _between(company.ours, share), _between(company.rival, share)
        return [
            {
                "name": name,
                "weight": weight,
                "ours": self._near(ours),
                "competitors": {
                    rival_name: self._near(rival - 0.6 * place) for place, rival_name in enumerate(portfolio.RIVALS[:2])
                },
            }
            for name, weight in DEFAULT_SUCCESS_FACTORS
        ]

    async def _compare(self, company: Company, factors: list[dict[str, Any]]) -> None:
        shape = BusinessStrengthPut.model_validate({"factors": factors})
        await classification.put_business_strength(self._ctx, self._ids[company.name], shape)

    def _near(self, level: float) -> Decimal:
        """Return a random score near a level, in tenths."""
        value = level + self._random.choice((-0.5, -0.2, 0.0, 0.0, 0.2, 0.5))
        return Decimal(str(round(min(10.0, max(0.0, value)), 1)))

    async def _move(self, company: Company, stage: str) -> None:
        reason = {
            "early_kam": "First orders were delivered",
            "mid_kam": "We are a preferred supplier and deliver regularly",
            "partnership_kam": "Several functions on both sides work together",
            "synergistic_kam": "Ordering and planning systems are linked",
            "uncoupling_kam": "The customer changes its priorities",
        }[stage]
        shape = StageTransitionCreate.model_validate({"to": stage, "reason": reason})
        await stages.move_stage(self._ctx, self._ids[company.name], shape)

    async def _aim(self, company: Company, target: str) -> None:
        due = (self._start + timedelta(days=DAYS + 300)).date().isoformat()
        shape = TargetStagePut.model_validate({"target_stage": target, "target_stage_on": due})
        await stages.put_target_stage(self._ctx, self._ids[company.name], shape)

    async def _write_plan(self, company: Company, until: str) -> None:
        today = self._clock.now().date()
        period = {"period_start": today.isoformat(), "period_end": (today + timedelta(days=540)).isoformat()}
        owner = self._ids[f"person {company.owner}"]
        shape = PLAN.create.model_validate({"title": f"Plan for {company.name}", "owner_id": owner, **period})
        plan = await PLAN.add(self._ctx, shape, self._ids[company.name])
        for number, objective in enumerate(portfolio.OBJECTIVES[: 1 + self._random.randrange(3)]):
            await self._set_objective(plan.id, company, objective, today + timedelta(days=240 + 60 * number))
        for state in ("submitted", "approved", "active"):
            await transition_plan(self._ctx, plan.id, PlanTransition.model_validate({"to": state}))
            if state == until:
                break

    async def _set_objective(self, plan_id: str, company: Company, objective: Any, due: Any) -> None:
        title, metric, unit, baseline, target = objective
        if target is None:
            baseline, target = company.revenue, company.revenue * 1.2
        values = {"title": title, "metric": metric, "unit": unit, "baseline": baseline, "target": round(target)}
        shape = OBJECTIVE.create.model_validate({**values, "due_on": due.isoformat()})
        made = await OBJECTIVE.add(self._ctx, shape, plan_id)
        for number in range(2):
            title, result = portfolio.ACTIONS[self._random.randrange(len(portfolio.ACTIONS))]
            owner = self._ids[f"person {company.owner if number == 0 else 5 + self._random.randrange(3)}"]
            day = (due - timedelta(days=90 - 30 * number)).isoformat()
            task = {"title": title, "owner_id": owner, "due_on": day, "expected_result": result}
            action = await ACTION.add(self._ctx, ACTION.create.model_validate(task), made.id)
            if self._random.random() < 0.4:
                done = ActionPatch.model_validate({"state": "completed"})
                await ACTION.change(self._ctx, action.id, done)


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share
