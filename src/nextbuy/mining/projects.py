"""Projects: items that are bought along one undertaking, and how far each customer is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from nextbuy.mining import landmarks, scored, stages
from nextbuy.mining.grouped import (
    COMPANION,
    FDR,
    ROLES,
    SIGN,
    START,
    STEP,
    Grouped,
    companions_of,
    group_items,
    id_lists,
)
from nextbuy.mining.parameters import check_whole
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import DAY_US, dates, take
from nextbuy.orders.table import Orders, codes_of, to_us

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nextbuy.mining.association import AssociationRules
    from nextbuy.mining.sequential import SequentialRules
    from nextbuy.orders.table import Moment


class Projects(BaseEstimator):
    """Find the undertakings behind the rules, and say how far each customer is in them.

    The significant sequential rules are the links of a graph of items; items that a random walk along the links
    keeps together are a project (Markov clustering). An item belongs to one project at most. The project's start is
    the item whose buyers go on to buy most of the rest; its steps are the start and every item that a link leads
    to; a sign points to the project but nothing leads to it (grout, bought with the tiles). Basket rules add
    companions: items outside every project whose strongest partner in the basket is an item of one.

    Parameters
    ----------
    horizon_days : int, default 30
        How far the probabilities of `of` look.
    min_items : int, default 3
        Fewest items of a project, signs counted, companions not.
    inflation : float, default 1.5
        Granularity, above 1: a higher one gives more and smaller projects. Between 1.3 and 2 little changes.
    min_companion_lift : float, default 3.0
        Least `lift_low` of the basket rule that makes an item a companion.

    Attributes
    ----------
    projects_ : frame in the orders' backend
        One row a project, most exposed customers first: `project` (its name: the start and the two steps that most
        of its buyers come to), `start, steps` (tuple of ids in usual order), `signs, companions` (tuples), `size`
        (number of steps), `links` (rules inside), `exposed` (customers watched after the start: the most of any of
        its rules), `mean_done` (share of the other steps that they buy within the window), `span_p50, span_p90`
        (days from the start to the last step they buy, of those who buy any).
    items_ : frame in the orders' backend
        One row an item of a project, in usual order: `project, item_id, role` (start, step, sign, companion)`,
        usual_day` (days after the start, fitted to the lags of all links at once), `share` (of the start's buyers who
        come to it within the window; null for signs).
    item_ids_ : pyarrow.Array
        Ids of the items in `items_`, in its order.

    References
    ----------
    Markov clustering: van Dongen, SIAM J. Matrix Anal. Appl. 30 (2008).

    Examples
    --------
    >>> import nextbuy as nb
    >>> sample = nb.datasets.load_sample()
    >>> orders = nb.read_orders(sample.orders, catalog=sample.catalog)
    >>> links = nb.SequentialRules(level="category").fit(orders)
    >>> projects = nb.Projects().fit(links)
    >>> bathroom = projects.projects_.set_index("start").loc["tiles"]
    >>> sorted(bathroom["steps"])
    ['bathtub', 'cabinet', 'mirror', 'shower', 'sink', 'tap', 'tiles', 'toilet']
    >>> now = projects.of(orders, as_of="2026-01-15", customers=["C-00002"])
    >>> now.columns[:4].tolist()
    ['customer_id', 'project', 'stage', 'probability']
    """

    def __init__(
        self,
        *,
        horizon_days: int = 30,
        min_items: int = 3,
        inflation: float = 1.5,
        min_companion_lift: float = 3.0,
    ) -> None:
        self.horizon_days = horizon_days
        self.min_items = min_items
        self.inflation = inflation
        self.min_companion_lift = min_companion_lift

    def fit(
        self,
        links: SequentialRules,
        y: object = None,  # noqa: ARG002 - scikit-learn's signature
        *,
        orders: Orders | None = None,
        basket: AssociationRules | None = None,
    ) -> Self:
        """Group the items of fitted rules.

        Parameters
        ----------
        links : SequentialRules
            Fitted. With `fdr=None` only its rules with `q_value` up to 0.05 and a direction are used.
        y : ignored
        orders : Orders, optional
            The histories that the links were fitted on: the chances that `of` gives are then calibrated on past
            days. Without them they rest on the links alone, and are too bold for those who only look as if they
            had started.
        basket : AssociationRules, optional
            Fitted on the same level: adds companions.

        Returns
        -------
        self

        Raises
        ------
        InputError
            `links` or `basket` is something else, not fitted on the same level, or a parameter is out of range.
        """
        self._check(links, basket)
        check_is_fitted(links, "rules_")
        mined, ids = links.mined_, links.item_ids_
        found = group_items(
            mined,
            size=len(ids),
            inflation=self.inflation,
            min_items=int(self.min_items),
            fdr=FDR if links.fdr is None else links.fdr,
            companions=None if basket is None else companions_of(basket, ids, least=self.min_companion_lift),
        )
        self.level_, self.window_days_, self.backend_ = links.level, int(links.window_days), links.backend_
        self.item_ids_ = take(ids, found.item)
        self._keep(found, landmarks.PLAIN)
        if orders is not None:
            known = self._asked(orders, None)
            self.calibration_ = landmarks.learn(
                *self._lines(known),
                plan=self._plan,
                pause_days=self.window_days_,
                horizon_days=int(self.horizon_days),
                end=int(known.day.max()) + 1 if len(known) else 0,
            )
        return self

    def _check(self, links: Any, basket: Any) -> None:
        from nextbuy.mining.association import AssociationRules
        from nextbuy.mining.sequential import SequentialRules

        if not isinstance(links, SequentialRules):
            raise InputError(
                f"Projects are made of fitted SequentialRules, not of {type(links).__name__}. "
                "Try Projects().fit(SequentialRules(level='category').fit(read_orders(your_frame))); "
                "the orders need a customer column."
            )
        if basket is not None and not isinstance(basket, AssociationRules):
            raise InputError(f"basket={type(basket).__name__} must be fitted AssociationRules, or None.")
        if basket is not None and basket.level != links.level:
            raise InputError(
                f"The basket rules have level={basket.level!r}, the links level={links.level!r}. "
                f"Try AssociationRules(level={links.level!r}).fit(orders)."
            )
        check_whole("horizon_days", self.horizon_days, least=1)
        check_whole("min_items", self.min_items, least=2)
        for name, above in {"inflation": 1.0, "min_companion_lift": 0.0}.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not above < value < np.inf:
                raise InputError(f"{name}={value!r} must be a number above {above:g}. Try {name}=1.5.")

    def _keep(self, found: Grouped, calibration: landmarks.Calibration) -> None:
        """Make the frames and the arrays that `of` answers from."""
        self.grouped_, self.calibration_ = found, calibration
        self._plan: stages.Plan = stages.Plan(
            found.project,
            found.is_step,
            found.role == START,
            found.first,
            found.second,
            found.via,
            found.table,
        )
        ids = self.item_ids_.to_pylist()
        self._names = pa.array(found.names(ids), pa.string())
        projects = np.arange(len(found.start))
        span = found.span

        def listed(*roles: int) -> Any:
            places = [np.flatnonzero((found.project == p) & np.isin(found.role, roles)) for p in projects]
            return id_lists(self.item_ids_, places, self.backend_)

        steps = found.is_step
        self.projects_ = scored.frame(
            {
                "project": self._names,
                "start": self.item_ids_.take(pa.array(found.start)),
                "steps": listed(START, STEP),
                "signs": listed(SIGN),
                "companions": listed(COMPANION),
                "size": np.bincount(found.project[steps], minlength=len(projects)),
                "links": np.bincount(found.project[found.first], minlength=len(projects)),
                "exposed": found.exposed,
                "mean_done": found.mean_done(),
                "span_p50": span[:, 0],
                "span_p90": span[:, 1],
            },
            self.backend_,
        )
        self.items_ = scored.frame(
            {
                "project": self._names.take(pa.array(found.project)),
                "item_id": self.item_ids_,
                "role": pa.array(ROLES).take(pa.array(found.role)),
                "usual_day": found.usual_day,
                "share": pa.array(found.share, from_pandas=True),
            },
            self.backend_,
        )

    def of(
        self,
        orders: Orders,
        *,
        as_of: Moment | None = None,
        customers: Sequence[Any] | None = None,
        open_only: bool = True,
    ) -> Any:
        """Say for each customer which projects are under way, what is done, what is missing, what comes next.

        A customer is in a project from the first purchase of one of its items until nothing of it is bought for
        longer than the window of the links; only the latest such run counts, and it must hold an item that a link
        leaves from. Nothing at or after `as_of` is looked at.

        Parameters
        ----------
        orders : Orders
            Histories; they need not be those that the links were fitted on.
        as_of : date, optional
            Default: the midnight after the last order.
        customers : sequence of ids, optional
            Only these.
        open_only : bool, default True
            False also gives the projects in which nothing more is to come: complete, or left too long ago.

        Returns
        -------
        frame in the orders' backend, one row a customer and project, likeliest first within a customer
            `customer_id, project, stage` ("3 of 7": steps bought in this run)`, probability` (of buying at least one
            more step within `horizon_days`)`, done, size, owned, missing` (tuples of steps in usual order)`, started,
            last` (dates of the run's first and last purchase)`, next_item, next_probability` (the likeliest missing
            step)`, next_from, next_date, next_until` (the days by which 10, 50 and 90 % of those who still come to
            it have come)`, trigger_item` (the owned item that speaks for it). The last six are null, and
            `probability` is 0, when nothing more is to come.
        """
        check_is_fitted(self, "projects_")
        orders = self._asked(orders, as_of)
        today = int((orders.known_before or to_us(orders.end)) // DAY_US) if len(orders) else 0
        customer, item, day = self._lines(orders)
        if customers is not None:
            asked = np.isin(customer, self._customers(orders, customers))
            customer, item, day = customer[asked], item[asked], day[asked]
        runs = stages.latest_runs(customer, item, day, plan=self._plan, pause_days=self.window_days_)
        found = stages.chances(runs, plan=self._plan, today=today, horizon_days=self.horizon_days)
        return scored.frame(self._answer(runs, found, orders, today, open_only=open_only), orders.backend)

    def _lines(self, orders: Orders) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Give customer, place and day of the lines that take part; companions do not."""
        place = codes_of(self.item_ids_, orders.item_ids.to_pylist())
        takes_part = np.append(self.grouped_.role < COMPANION, False)
        lines = np.flatnonzero(takes_part[place[orders.item]])
        return (
            orders.customer[lines].astype(np.int64),
            place[orders.item[lines]],
            orders.day[lines].astype(np.int64),
        )

    def _asked(self, orders: Any, as_of: Any) -> Orders:
        if not isinstance(orders, Orders):
            raise InputError(
                f"of takes Orders, not {type(orders).__name__}. Try of(read_orders(your_frame))."
            )
        if not orders.has_customers:
            raise InputError(
                "Projects belong to customers: these orders have no customer column. "
                "Try read_orders(..., customer='your_customer_column')."
            )
        known = orders if as_of is None else orders.before(as_of)
        return known.level(self.level_)

    def _customers(self, orders: Orders, customers: Any) -> NDArray[np.int64]:
        if isinstance(customers, (str, bytes)) or not hasattr(customers, "__iter__"):
            raise InputError(f"customers={customers!r} must be a list of ids. Try customers=[{customers!r}].")
        return orders.codes(list(customers), of="customer")

    def _answer(
        self, runs: stages.Runs, found: stages.Chances, orders: Orders, today: int, *, open_only: bool
    ) -> dict[str, Any]:
        plan = self._plan
        said = landmarks.say(runs, found, plan=plan, today=today, calibration=self.calibration_)
        order = np.lexsort((runs.project, -said.any, runs.customer))
        if open_only:
            order = order[said.any[order] > 0]
        next_ = said.next[order]
        some = next_ >= 0
        place, link, elapsed = (
            np.append(column, -1)[next_] for column in (found.item, found.link, found.elapsed)
        )
        days = np.full((len(order), 3), np.nan)
        days[some] = today + stages.remaining_days(plan.table, link[some], elapsed[some], 0.1, 0.5, 0.9)
        have, lack, row = stages.owned_and_missing(runs, plan=plan)
        row = row[order]
        owned, missing = (id_lists(self.item_ids_, lists, orders.backend, row) for lists in (have, lack))
        done = np.array([len(h) for h in have], np.int64)[row]
        size = np.bincount(plan.project[plan.is_step], minlength=len(self._names))[runs.project[order]]
        trigger = np.where(some, np.append(plan.first, -1)[link], -1)
        return {
            "customer_id": take(orders.customer_ids, runs.customer[order]),
            "project": self._names.take(pa.array(runs.project[order])),
            "stage": pa.array(
                [f"{d} of {s}" for d, s in zip(done.tolist(), size.tolist(), strict=True)], pa.string()
            ),
            "probability": said.any[order],
            "done": done,
            "size": size,
            "owned": owned,
            "missing": missing,
            "started": dates(runs.began[order]),
            "last": dates(runs.last[order]),
            "next_item": take(self.item_ids_, np.where(some, place, -1)),
            "next_probability": pa.array(said.next_chance[order], mask=~some),
            **{name: dates(days[:, j]) for j, name in enumerate(("next_from", "next_date", "next_until"))},
            "trigger_item": take(self.item_ids_, trigger),
        }

    def get_state(self) -> dict[str, Any]:
        """Give all that was fitted as arrays and scalars, for a model file."""
        check_is_fitted(self, "projects_")
        return {
            "params": self.get_params(),
            "level": self.level_,
            "window_days": self.window_days_,
            "backend": self.backend_,
            "item_ids": self.item_ids_,
            "grouped": self.grouped_.state(),
            "calibration": self.calibration_._asdict(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Make fitted projects of what `get_state` gave."""
        new = cls(**state["params"])
        new.level_, new.window_days_, new.backend_ = state["level"], state["window_days"], state["backend"]
        new.item_ids_ = state["item_ids"]
        new._keep(Grouped.from_state(state["grouped"]), landmarks.Calibration(**state["calibration"]))
        return new
