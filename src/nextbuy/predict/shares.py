"""How much of a probability each source of knowledge gives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.candidates import Candidates
    from nextbuy.predict.heads import Head

AVERAGE, ORDER = "average_candidate", "order"
SMALLEST = 1e-9
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


def source_shares(
    head: Head, candidates: Candidates, row: int, average: Candidates, *, probability: float
) -> dict[str, float]:
    """Split the `probability` of one candidate into what an average candidate has, and what each source adds.

    Exact Shapley values of the groups of features: what a source adds when it is learned after any of the others, in
    all orders; a source that is not known yet is filled in from `average`, candidates of other customers. Where the
    head deals a customer's chances out among the candidates, the rest is what the place among them adds (`order`);
    what a new item's own rule adds to the head's chance goes to "sequence".
    The parts add up to the probability. 2^sources x 64 rows are predicted: some 10 ms.

    References
    ----------
    Lundberg and Lee, "A unified approach to interpreting model predictions", NeurIPS 2017.
    """
    mine = _pick(candidates, np.array([row]))
    parts = _of_model(head, mine, average) if head.model is not None else _of_closed_form(head, mine)
    rest = probability - sum(parts.values())
    if abs(rest) <= SMALLEST:
        return parts
    if mine.pair[0] < 0 and not head.by_count:  # what the candidate's own rule promises beyond the head
        return parts | {"sequence": parts.get("sequence", 0.0) + rest}
    return parts | {ORDER: rest}


def _of_model(head: Head, mine: Candidates, average: Candidates) -> dict[str, float]:
    repeat, ruled = bool(mine.pair[0] >= 0), bool((mine.trigger[0] >= 0).any())
    groups = np.array([source_of(name, repeat=repeat, ruled=ruled) for name in mine.names])
    names = list(dict.fromkeys(groups.tolist()))
    some = np.unique(np.linspace(0, max(len(average.item) - 1, 0), BACKGROUND_ROWS).astype(np.int64))
    background = average.features[some] if len(average.item) else mine.features
    many = len(names)
    known = (np.arange(2**many)[:, None] >> np.arange(many)) & 1
    mask = known[:, [names.index(group) for group in groups]].astype(bool)
    mixed = np.where(mask[:, None, :], mine.features[0], background).reshape(-1, len(groups))
    made = replace(_pick(mine, np.zeros(len(mixed), np.int64)), features=mixed.astype(np.float32))
    mean = head.chance(made).reshape(2**many, -1).mean(axis=1)
    return {AVERAGE: float(mean[0])} | dict(zip(names, _shapley(mean, known).tolist(), strict=True))


def _of_closed_form(head: Head, mine: Candidates) -> dict[str, float]:
    """Give the parts of a closed form, whose hazards add up."""
    chance = float(head.chance(mine)[0])
    if mine.pair[0] >= 0:
        return {"repurchase": chance}
    hazard = -np.log1p(-min(float(mine.closed_form[0]), 1 - 1e-9))
    share = min(float(mine.strength[0].max()) / max(hazard, 1e-12), 1.0)
    return {"sequence": share * chance, "popular": (1 - share) * chance}


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
