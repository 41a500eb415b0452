"""Fit on what was known, score what came after, several times, beside the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from nextbuy.evaluate.baselines import (
    BasketRules,
    EaseRegression,
    PersonalFrequency,
    Popularity,
    TifuKnn,
    TimeAwareIntervals,
    UserKnn,
    UserPopularity,
)
from nextbuy.evaluate.contest import hold
from nextbuy.evaluate.figures import results
from nextbuy.evaluate.report import Report, write
from nextbuy.evaluate.splits import as_of, last_basket
from nextbuy.mining.exposures import purchases
from nextbuy.mining.parameters import check_whole
from nextbuy.orders.errors import InputError
from nextbuy.orders.table import check_orders
from nextbuy.predict.asked import KINDS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from nextbuy.evaluate.splits import Splits
    from nextbuy.orders.table import Orders

SPLITS = ("as_of", "last_basket")


def baselines_named(which: str | None, horizon_days: int) -> dict[str, Any]:
    """Give the baselines of a name: None, popularity and personal frequency; "published", all."""
    few = {
        "popularity": Popularity(horizon_days=horizon_days),
        "personal_frequency": PersonalFrequency(horizon_days=horizon_days),
    }
    if which is None:
        return few
    if which != "published":
        raise InputError(
            f"baselines={which!r} is not known. Try baselines='published', or a dict of estimators."
        )
    return few | {
        "recent_popularity": Popularity(horizon_days=horizon_days, recent_days=21),
        "personal": PersonalFrequency(horizon_days=horizon_days, fill=False),
        "day_decay": PersonalFrequency(horizon_days=horizon_days, half_life_days=60),
        "tifu_knn": TifuKnn(horizon_days=horizon_days),
        "up_cf": UserPopularity(horizon_days=horizon_days),
        "taiw": TimeAwareIntervals(horizon_days=horizon_days),
        "ease": EaseRegression(horizon_days=horizon_days),
        "user_knn": UserKnn(horizon_days=horizon_days),
        "basket_rules": BasketRules(horizon_days=horizon_days),
    }


def backtest(
    model: Any,
    orders: Orders,
    *,
    split: str = "as_of",
    cutoffs: int | Sequence[Any] = 4,
    baskets: int = 1,
    min_baskets: int = 5,
    refits: int = 6,
    k: int = 10,
    baselines: Mapping[str, Any] | str | None = None,
    n_jobs: int = 1,
    resume_dir: str | os.PathLike[str] | None = None,
    random_state: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Report:
    """Compare a model with baselines on what customers bought after moments of the past.

    Parameters
    ----------
    model : estimator
        With `horizon_days`, `fit(orders, as_of=)` and `predict(orders, as_of=, customers=, kind=, k=)`; it is cloned
        for each fit.
    orders : Orders
    split : {"as_of", "last_basket"}, default "as_of"
        "as_of": at each cut-off, all customers with a history against all that they buy within the horizon.
        "last_basket": each customer's last basket (all of one day) against what was known before that day.
    cutoffs : int or sequence of dates, default 4
        "as_of": how many, one horizon apart, the last one a horizon before the end; or the dates themselves.
    baskets : int, default 1
        "last_basket": so many last baskets of each customer, each a split of its own.
    min_baskets : int, default 5, at least 2
        "last_basket": only baskets that are at least the customer's so many-th.
    refits : int, default 6
        "last_basket": so many fits, at days chosen so that they are as new as possible. A basket is predicted by the
        latest fit before or on its day, with the customer's own purchases up to that day.
    k : int, default 10
        Length of the ranked lists.
    baselines : dict of str to estimator, "published" or None
        None: popularity and personal frequency. "published": these, and recent popularity, personal frequency
        without fill and decayed, TIFU-KNN, UP-CF, TAIW's intervals, EASE, user kNN, basket rules.
    n_jobs : int, default 1
        Processes; the result is the same for any number.
    resume_dir : path, optional
        Finished fits are kept there and read back, where orders, method, parameters and version are the same.
    random_state : int, default 0
        Seed of the bootstrap.
    progress : callable or None
        Called with the number of fits done, of all fits, and what was done last.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        When the history is too short for what is asked, or an argument makes no sense.

    Examples
    --------
    >>> import nextbuy as nb
    >>> orders = nb.read_orders(nb.datasets.make_orders(customers=300, seed=1).orders)
    >>> report = nb.backtest(nb.evaluate.PersonalFrequency(), orders, cutoffs=2)
    >>> report.verdict[:26]
    'The model beats popularity'
    """
    check_orders(orders, need="A backtest needs to know who bought")
    if split not in SPLITS:
        raise InputError(f"split={split!r} is not known. Try split='as_of' or split='last_basket'.")
    if not len(orders):
        raise InputError("There are no orders to test on.")
    for name, value in (("k", k), ("baskets", baskets), ("refits", refits)):
        check_whole(name, value, least=1)
    check_whole("min_baskets", min_baskets, least=2)
    horizon, events = int(model.horizon_days), purchases(orders)
    if split == "as_of":
        asked = as_of(events, cutoffs, horizon_days=horizon)
    else:
        asked = last_basket(events, baskets=baskets, min_baskets=min_baskets, refits=refits)
    others = (
        baselines_named(baselines, horizon) if baselines is None or isinstance(baselines, str) else baselines
    )
    if "model" in others:
        raise InputError(
            "A baseline cannot be called 'model', which is the model's own name. Try another name."
        )
    contest = {"model": model, **others}
    answers = hold(orders, asked, contest, k=k, n_jobs=n_jobs, resume_dir=resume_dir, progress=progress)
    timed = split == "as_of"
    common = _common(orders, asked, contest, answers["model"]) if timed else {}
    found = results(answers, asked, events, common, k=k, timed=timed)
    return write(
        found,
        customers=orders.n_customers,
        backend=orders.backend,
        k=k,
        horizon_days=horizon,
        seed=random_state,
        split=split,
    )


def _common(
    orders: Orders, asked: Splits, contest: dict[str, Any], listed: pa.Table
) -> dict[tuple[str, int, str], NDArray[np.float64]]:
    """Probabilities that the baselines give to what the model listed: those that can say one for any pair."""
    import pyarrow.compute as pc

    out = {}
    for name, estimator in list(contest.items())[1:]:
        if not callable(getattr(estimator, "probability_of", None)):
            continue
        for number, fold in enumerate(asked.folds):
            fitted = clone(estimator).fit(orders, as_of=str(np.datetime64(fold.day, "D")))
            for kind in KINDS:
                mine = listed.filter((pc.field("split") == number) & (pc.field("asked") == kind))
                ids = (
                    known.take(mine[column].combine_chunks()).to_pylist()
                    for known, column in ((orders.customer_ids, "customer"), (orders.item_ids, "item"))
                )
                out[name, number, kind] = fitted.probability_of(*ids)
    return out
