"""The main estimator: what each customer buys next, how likely, when, and why."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from nextbuy.mining.exposures import Purchases, purchases
from nextbuy.mining.parameters import check_whole
from nextbuy.mining.shared import parted, spread
from nextbuy.orders import scratch
from nextbuy.orders.errors import InputError, nearest
from nextbuy.orders.frames import DAY_US, ROWS, to_frame
from nextbuy.orders.table import Orders, check_orders, codes_of, to_us
from nextbuy.predict.answer import Answers
from nextbuy.predict.asked import Given, check_asked, check_level, given_orders, of_customers
from nextbuy.predict.candidates import Sources, new_candidates, repeat_candidates
from nextbuy.predict.crowd import Crowd
from nextbuy.predict.ease import Ease
from nextbuy.predict.examples import few_customers
from nextbuy.predict.explain import Explanation, explanation
from nextbuy.predict.heads import Head
from nextbuy.predict.history import Timeline
from nextbuy.predict.items import Items, catalog_arrays, substitute_groups
from nextbuy.predict.labels import Labels
from nextbuy.predict.learning import Learned, learn
from nextbuy.predict.progress import CROWD, Progress
from nextbuy.predict.reasons import languages
from nextbuy.predict.table import as_rows
from nextbuy.predict.training import TrainingData
from nextbuy.predict.triggers import Links

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Ids = Sequence[Any]

OTHER_FIGURES = "This model was written by a version of nextbuy that looked at other figures. Fit it again."
BLOCK = 2_000  # customers answered at once: about 100 MB, which the next block takes over
WORTH_SENDING = 10_000  # fewer customers are answered before another process has started


class NextPurchase(BaseEstimator):
    """Predict what each customer buys next, the chance of it within a horizon, the window, and the reason.

    Two heads answer two questions: which of the items bought before come again ("repeat"), and which are bought for
    the first time ("new"). Each ranks candidates (own history, followers of what is owned, similar customers' items,
    what sells now) by gradient boosting learned on several past cut-offs, and gives a probability.

    Parameters
    ----------
    horizon_days : int, default 30
        The probability is of buying within so many days after as_of.
    window_days : int, default 180
        How long after A a B still counts as following it.
    language : {"en", "bg", "fr"}, default "en"
        Of the sentences in `reason`.
    random_state : int, default 0
        Seed of the sampling of negative examples.
    n_jobs : int, default 1
        Processes that count and answer, and threads that boost; the result is the same for any number. They share the
        orders in memory-mapped temporary files.

    Attributes
    ----------
    as_of_ : str
        Day from which nothing is known (ISO date, UTC): the day after the last order, or `as_of` of `fit`.
    item_ids_, customer_ids_ : pyarrow.Array
        The caller's ids by code.
    learned_ : Learned
        Sources of candidates and the two heads.

    References
    ----------
    Candidates and boosted re-ranking over time-shifted cut-offs: Hu et al., SIGIR 2020 (TIFU-KNN); Steck, WWW 2019
    (EASE). Lag tables and windows: `nextbuy.mining.lags`, `nextbuy.timing.windows`.

    Examples
    --------
    >>> import nextbuy as nb
    >>> sample = nb.datasets.load_sample()
    >>> orders = nb.read_orders(sample.orders, catalog=sample.catalog)
    >>> model = nb.NextPurchase(horizon_days=30).fit(orders)
    >>> model.predict(kind="new", k=3).groupby("customer_id").size().max()
    np.int64(3)
    """

    def __init__(
        self,
        *,
        horizon_days: int = 30,
        window_days: int = 180,
        language: str = "en",
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.horizon_days = horizon_days
        self.window_days = window_days
        self.language = language
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        orders: Orders,
        y: object = None,  # noqa: ARG002 - scikit-learn's signature
        *,
        as_of: Any = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> Self:
        """Learn from the orders known before `as_of` (default: all of them).

        Parameters
        ----------
        orders : Orders
            Read with `max_memory`, learning keeps to it; the model is the same.
        as_of : date, datetime or str
        progress : callable or None
            Called before each step with the per cent of the work done, 100, and what comes next.

        Raises
        ------
        InputError
            When there is no customer column, no order before `as_of`, or a parameter makes no sense.
        """
        self._check(orders)
        self._orders: Orders | None = orders
        if as_of is not None:
            orders = orders.before(as_of)
        if not len(orders):
            before = "" if as_of is None else f" before as_of={str(as_of)!r}"
            raise InputError(f"There is no order to learn from{before}.")
        self.customer_ids_, self.backend_ = orders.customer_ids, orders.backend
        lines = np.bincount(orders.item, minlength=orders.n_items)
        with scratch.bounded(orders.max_memory):
            self._events = purchases(orders)
            with parted(self._events, n_jobs=self.n_jobs) as parts:
                self._learn(
                    TrainingData(
                        parts, self._events, orders.item_ids, lines, orders.known_before, orders.catalog
                    ),
                    progress,
                )
        return self

    def fit_parts(self, data: TrainingData) -> Self:
        """Learn from parts of the customers that stay where they are: for `nextbuy.engines`."""
        self._check_parameters()
        self._orders, self.backend_ = None, "pandas"
        self._events, self.customer_ids_ = replace(data.span, n_customers=0), pa.array([], pa.string())
        self._learn(data)
        return self

    def _learn(self, data: TrainingData, tell: Callable[[int, int, str], None] | None = None) -> None:
        category, names, durable, item_names = catalog_arrays(data.item_ids, data.lines, data.catalog)
        self._cut = data.span.end
        # within its last day the model has seen what an earlier moment of that day must not know
        self._known_before = self._cut * DAY_US if data.known_before is None else data.known_before
        self.item_ids_, self._labels = data.item_ids, Labels(data.item_ids, item_names, names)
        timelines, progress = data.parts.each(Timeline.of).kept(), Progress(tell, int(data.lines.sum()))
        with threadpool_limits(
            1, user_api="blas"
        ):  # how many threads share a product shows in its last digits
            self.learned_ = learn(
                timelines,
                self._cut,
                start=data.span.start,
                n_customers=data.span.n_customers,
                horizon_days=self.horizon_days,
                window_days=self.window_days,
                category=category,
                durable=durable,
                substitutes=substitute_groups(data.item_ids, data.catalog),
                random_state=self.random_state,
                n_jobs=self.n_jobs,
                progress=progress,
            )
        progress.begin("who bought what together", growing=CROWD)
        self._crowd = Crowd.of(timelines, self._cut, self.learned_.sources.ease)
        progress.end()
        self._finish()

    def _check(self, orders: Orders) -> None:
        check_orders(orders, need="Predictions need to know who bought")
        self._check_parameters()

    def _check_parameters(self) -> None:
        check_whole("horizon_days", self.horizon_days, least=1)
        check_whole("window_days", self.window_days, least=1)
        check_whole("n_jobs", self.n_jobs, least=1)
        if self.language not in languages():
            raise InputError(f"language={self.language!r} is not known. Try one of {', '.join(languages())}.")

    def _finish(self) -> None:
        self.as_of_ = str(np.datetime64(self._cut, "D"))
        self._earlier: tuple[int, NextPurchase] | None = None

    def predict(
        self,
        orders: Orders | Sequence[Mapping[str, Any]] | None = None,
        *,
        as_of: Any = None,
        customers: Ids | None = None,
        items: Ids | None = None,
        exclude: Ids | None = None,
        kind: str = "all",
        level: str = "item",
        k: int = 10,
    ) -> Any:
        """Predict the next purchases of customers.

        Parameters
        ----------
        orders : Orders, list of dict or None
            Histories to answer for, also of people the model never saw. A list of dicts with the columns of
            `read_orders` serves one live customer (docs/live.md). None: the histories the model was fitted on.
        as_of : date, datetime or str
            Nothing from this moment on is used; default: the end of what was fitted. An `as_of` before that end
            makes the model refit itself on what was known then (kept for the next call).
        customers, items : sequence of ids or None
            Answer only for these customers; consider only these items. A customer without history gets what is
            popular.
        exclude : sequence of ids or None
            Never these items.
        kind : {"all", "new", "repeat"}, default "all"
            Items bought for the first time, items bought again, or both ranked together. In a list of new items, the
            likeliest item of a category that the customer never bought from stands where the chance of the whole
            category puts it, so that its `probability` can be below the next row's.
        level : {"item", "category"}, default "item"
            "category": one row for each category of the catalog, with the likeliest item of it; `probability` is the
            chance that anything of the category is bought (items taken as independent), and `kind="new"` asks for
            categories that the customer never bought from, "repeat" for the others.
        k : int, default 10
            At most so many rows a customer.

        Returns
        -------
        frame
            Sorted by customer and rank, in the caller's kind of frame: `customer_id, item_id, kind, rank,
            probability, window_start, best_date, window_end, window_status, timing_signal, source,
            trigger_item_id, trigger_date, evidence_exposed, evidence_followed, confidence, confidence_low,
            confidence_high, lag_p10, lag_p50, lag_p90, reason_code, reason`. Dates are UTC days, lags are days.
            A list of dicts gets a list of dicts: the same rows, dates as `datetime.date`, None for what is unknown.

        Raises
        ------
        InputError
            When an argument makes no sense; the message says what would.
        """
        if not hasattr(self, "learned_"):  # a hundredth of the time of
            check_is_fitted(self, "learned_")
        check_asked(kind=kind, k=k, customers=customers, items=items, exclude=exclude)
        check_level(level, categories=len(self._labels.category_names))
        asked: dict[str, Any] = {"items": items, "exclude": exclude, "kind": kind, "level": level, "k": k}
        if as_of is not None and to_us(as_of) < self._known_before:
            return self._as_known(as_of).predict(orders, as_of=as_of, customers=customers, **asked)
        source = self._orders if orders is None else orders
        with scratch.bounded(source.max_memory if isinstance(source, Orders) else None):
            given = given_orders(orders, as_of, self._labels)
            events, ids = (self._events, self.customer_ids_) if given is None else given[:2]
            if customers is not None:
                events, ids = of_customers(events, ids, customers)
            cut = self._cut_of(as_of, given)
            backend = self.backend_ if given is None else given.backend
            answer = partial(self._answers.block, cut=cut, as_dicts=backend == ROWS, **asked)
            blocks = (
                partial(answer, own, ids.slice(at, own.n_customers))
                for at, own in few_customers(events, BLOCK)
            )
            n_jobs = self.n_jobs if events.n_customers > WORTH_SENDING else 1
            made = list(spread(blocks, n_jobs=n_jobs))
        if backend == ROWS:
            return [row for rows in made for row in rows]
        return to_frame(pa.concat_tables(made), backend)

    @property
    def _answers(self) -> Answers:
        return Answers(self.learned_, self._crowd, self._labels, self.window_days, self.language)

    def explain(self, customer: Any, item: Any, *, as_of: Any = None) -> Explanation:
        """Say what speaks for one customer buying one item.

        Parameters
        ----------
        customer, item : id
        as_of : date, datetime or str, default: the end of what was fitted

        Returns
        -------
        Explanation
            With `probability`, `reason`, `sources`, `rules`, `purchases`; readable as text, and as HTML in a notebook.

        Raises
        ------
        InputError
            When the model never saw the item, or the customer owns it and it is not bought again (a durable).
        """
        check_is_fitted(self, "learned_")
        if as_of is not None and to_us(as_of) < self._known_before:
            return self._as_known(as_of).explain(customer, item)
        code = int(codes_of(self.item_ids_, [item])[0])
        if code < 0:
            near = nearest(item, self._labels.items)
            raise InputError(
                f"This model knows no item {item!r}." + (f" Did you mean {near[0]!r}?" if near else "")
            )
        events, ids = of_customers(self._events, self.customer_ids_, [customer])
        history = Timeline.of(events).before(self._cut_of(as_of, None))
        answers = self._answers
        ranking = answers.rank(history, items=[item], exclude=None, kind="all", level="item", k=1)
        rows = as_rows(answers.columns(history, ids, ranking))
        if not rows:
            raise InputError(
                f"{customer!r} owns {item!r}, a durable that is not expected to be bought again."
            )
        known, names = (history, self._events), (self.item_ids_, self._labels.category_names)
        told = {"backend": self.backend_, "language": self.language}
        return explanation((customer, item), rows[0], ranking, self.learned_, known, names, **told)

    def _cut_of(self, as_of: Any, given: Given | None) -> int:
        """First day of which nothing is known to an answer."""
        if as_of is not None:
            return -(-to_us(as_of) // DAY_US)
        return self._cut if given is None else max(self._cut, given.end)

    def _as_known(self, as_of: Any) -> NextPurchase:
        """The model refitted on what was known at an earlier moment: the later one has seen too much."""
        if self._orders is None:
            raise InputError(
                f"This model was fitted on orders up to {self.as_of_}; as_of={str(as_of)!r} lies before that, and the "
                "raw orders are not part of a saved model. Fit one: NextPurchase(...).fit(orders, as_of=...)."
            )
        moment = to_us(as_of)
        if self._earlier is None or self._earlier[0] != moment:
            self._earlier = (moment, clone(self).fit(self._orders, as_of=np.datetime64(moment, "us")))
        earlier = self._earlier[1]
        earlier._cut = self._cut_of(as_of, None)  # noqa: SLF001 - the same class; the last days before as_of may have no order
        return earlier

    def get_state(self) -> dict[str, Any]:
        """Everything fitted, as arrays, numbers, and text: what `nextbuy.save` writes."""
        check_is_fitted(self, "learned_")
        events, learned = self._events, self.learned_
        return {
            "params": self.get_params(),
            "cut": self._cut,
            "known_before": self._known_before,
            "backend": self.backend_,
            "item_ids": self.item_ids_,
            "customer_ids": self.customer_ids_,
            "item_names": self._labels.item_names,
            "category_names": self._labels.category_names,
            "events": {f.name: getattr(events, f.name) for f in fields(events)},
            "crowd": self._crowd.state(),
            "items": learned.sources.items.state(),
            "ease": learned.sources.ease.state(),
            "links": {str(number): links.state() for number, links in enumerate(learned.sources.links)},
            "cutoffs": np.array(learned.cutoffs, np.int64),
            "drift": learned.drift,
            "heads": {
                "repeat": learned.repeat.state(),
                "new": learned.new.state(),
            },
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild a fitted model from `get_state`."""
        self = cls(**state["params"])
        self._orders = None
        self._cut, self.backend_ = state["cut"], state["backend"]
        self._known_before = state["known_before"]
        self.item_ids_, self.customer_ids_ = state["item_ids"], state["customer_ids"]
        self._labels = Labels(state["item_ids"], state["item_names"], state["category_names"])
        self._events = Purchases(**state["events"])
        links = tuple(Links.from_state(state["links"][key]) for key in sorted(state["links"]))
        sources = Sources(
            Items.from_state(state["items"]), Ease.from_state(state["ease"]), links, self.horizon_days
        )
        heads = [state["heads"]["repeat"], state["heads"]["new"]]
        if any(set(head) != {f.name for f in fields(Head)} for head in heads):
            raise InputError(OTHER_FIGURES)
        repeat, new = (Head.from_state(head) for head in heads)
        cutoffs = tuple(int(c) for c in state["cutoffs"])
        self.learned_ = Learned(sources, repeat, new, cutoffs, state["drift"])
        self._crowd = Crowd(**state["crowd"])
        self._finish()
        nobody = Timeline.of(self._events.between(0, 0)).before(self._cut)
        for head, made in ((repeat, repeat_candidates), (new, new_candidates)):
            if head.model is not None and head.names != made(nobody, sources).names:
                raise InputError(OTHER_FIGURES)
        return self
