"""How much of a probability each source of knowledge gives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.candidates import Candidates
    from nextbuy.predict.heads import Head

AVERAGE = "average_candidate"
BACKGROUND_ROWS = 64
# features by the beginning of their names, the longest that fits
SOURCES = {
    "pair_": "repurchase",
    "rule_": "sequence",
    "category_": "sequence",
    "category_owned": "similar_customers",
    "category_quiet": "similar_customers",
    "similar": "similar_customers",
    "customer_": "activity",
    "visits_": "activity",
}


def source_of(name: str, *, repeat: bool, ruled: bool) -> str:
    """Give the source that a feature belongs to; what is known of the item alone is "popular".

    The closed form is the customer's own rate for a repeat; for a new item it is popularity, and the rule where one
    runs.
    """
    if name == "closed_form":
        return "repurchase" if repeat else ("sequence" if ruled else "popular")
    fitting = [start for start in SOURCES if name.startswith(start)]
    return SOURCES[max(fitting, key=len)] if fitting else "popular"


def source_shares(head: Head, candidates: Candidates, row: int, average: Candidates) -> dict[str, float]:
    """Split the probability of one candidate into what an average candidate has, and what each source adds.

    Exact Shapley values of the groups of features: what a source adds when it is learned after any of the others, in
    all orders; a source that is not known yet is filled in from `average`, candidates of other customers. The parts
    add up to the probability. 2^sources x 64 rows are predicted: some 10 ms.

    References
    ----------
    Lundberg and Lee, "A unified approach to interpreting model predictions", NeurIPS 2017.
    """
    repeat = bool(candidates.pair[row] >= 0)
    if head.by_count or head.model is None:
        return _without_model(head, candidates, row, repeat=repeat)
    ruled = bool((candidates.trigger[row] >= 0).any())
    groups = np.array([source_of(name, repeat=repeat, ruled=ruled) for name in candidates.names])
    names = list(dict.fromkeys(groups.tolist()))
    some = np.unique(np.linspace(0, max(len(average.item) - 1, 0), BACKGROUND_ROWS).astype(np.int64))
    background = average.features[some] if len(average.item) else candidates.features[[row]]
    many = len(names)
    known = (np.arange(2**many)[:, None] >> np.arange(many)) & 1
    mask = known[:, [names.index(group) for group in groups]].astype(bool)
    mixed = np.where(mask[:, None, :], candidates.features[row], background).reshape(-1, len(groups))
    mean = _probability(head, candidates, row, mixed).reshape(2**many, -1).mean(axis=1)
    # the customer's probabilities are dealt out in a learned order: the parts are those of what was dealt
    mean *= _listed(head, candidates, row) / max(float(mean[-1]), 1e-12)
    return {AVERAGE: float(mean[0])} | dict(zip(names, _shapley(mean, known).tolist(), strict=True))


def _shapley(value: NDArray[np.float64], known: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the Shapley value of each player; `value` of the coalition whose members are the bits of its number."""
    many = known.shape[1]
    size = known.sum(axis=1)
    ways = np.array([1.0] + [0.0] * many)
    for k in range(1, many + 1):  # 1 / (many * C(many - 1, k - 1)) by recursion
        ways[k] = 1 / many if k == 1 else ways[k - 1] * (k - 1) / (many - k + 1)
    out = np.empty(many)
    for player in range(many):
        inside = np.flatnonzero(known[:, player])
        out[player] = (ways[size[inside]] * (value[inside] - value[inside - (1 << player)])).sum()
    return out


def _probability(
    head: Head, candidates: Candidates, row: int, features: NDArray[np.float32]
) -> NDArray[np.float64]:
    made = replace(_pick(candidates, np.full(len(features), row)), features=features.astype(np.float32))
    return head.chance(made)


def _pick(candidates: Candidates, rows: NDArray[np.int64]) -> Candidates:
    return replace(
        candidates,
        customer=candidates.customer[rows],
        item=candidates.item[rows],
        features=candidates.features[rows],
        closed_form=candidates.closed_form[rows],
        pair=candidates.pair[rows],
        trigger=candidates.trigger[rows],
        strength=candidates.strength[rows],
    )


def _listed(head: Head, candidates: Candidates, row: int) -> float:
    """The probability that the list shows, which may depend on the customer's other candidates."""
    mine = np.flatnonzero(candidates.customer == candidates.customer[row])
    return float(head.probability(_pick(candidates, mine))[np.searchsorted(mine, row)])


def _without_model(head: Head, candidates: Candidates, row: int, *, repeat: bool) -> dict[str, float]:
    """Give the parts of a closed form, whose hazards add up; counts alone are one source."""
    chance = _listed(head, candidates, row)
    if repeat:
        return {"repurchase": chance}
    hazard = -np.log1p(-min(float(candidates.closed_form[row]), 1 - 1e-9))
    share = 0.0 if head.by_count else min(float(candidates.strength[row].max()) / max(hazard, 1e-12), 1.0)
    return {"sequence": share * chance, "popular": (1 - share) * chance}
