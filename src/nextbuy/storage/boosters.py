"""Fitted gradient boosters of scikit-learn as bytes, and back, without pickle."""

from __future__ import annotations

import io
import re
import zipfile
from itertools import count
from typing import Any

# beyond these only what skops itself holds to be safe
TRUSTED = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    # later releases of skops trust these themselves
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfSquaredError",
)
_ADDRESS = re.compile(r'"__id__": (\d+)')
_SCALAR = re.compile(r'("is_json": \w+,\s*"__id__": )\d+')
_NAMED = re.compile(r'(?<="__id__": )\d+|\d+(?=\.npy)')
_NAMES = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")


def is_booster(value: Any) -> bool:
    """Say whether `value` is one of the boosters that can be stored."""
    kind = type(value)
    return kind.__name__ in _NAMES and kind.__module__.startswith("sklearn.ensemble._hist_gradient_boosting.")


def dump(booster: Any) -> bytes:
    """Give a fitted booster as the bytes of a skops file: the same bytes whenever the same trees were learned."""
    import numpy as np
    import skops.io

    for stage in booster._predictors:  # noqa: SLF001 - scikit-learn shows its trees nowhere else
        for tree in stage:
            # a record's padding holds whatever was in memory
            nodes = np.zeros_like(tree.nodes)
            for name in nodes.dtype.names:
                nodes[name] = tree.nodes[name]
            tree.nodes = nodes
    return _steady(skops.io.dumps(booster))


def _steady(content: bytes) -> bytes:
    """Number the objects of a skops file as they come, instead of by their addresses, and leave the clock out."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        # whether two equal numbers are one object depends on where they came from: each counts as its own
        own = count(1)
        schema = _SCALAR.sub(lambda found: f"{found[1]}{next(own)}", old.read("schema.json").decode())
        number = {a: str(n) for n, a in enumerate(dict.fromkeys(_ADDRESS.findall(schema)), start=1)}

        def steady(text: str) -> str:
            return _NAMED.sub(lambda found: number.get(found[0], found[0]), text)

        files = {steady(name): old.read(name) for name in old.namelist()}
        files["schema.json"] = steady(schema).encode()
        for name in sorted(files):
            new.writestr(zipfile.ZipInfo(name), files[name])
    return made.getvalue()


def load(content: bytes) -> Any:
    """Make a booster of the bytes of a skops file; its types are looked at before anything is built.

    Raises
    ------
    ValueError
        When it holds a type that is not trusted, or is no booster.
    """
    import skops.io

    foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))
    if foreign:
        raise ValueError(f"it holds types that are not trusted: {', '.join(foreign[:3])}")
    booster = skops.io.loads(content, trusted=list(TRUSTED))
    if not is_booster(booster):
        raise ValueError(f"it holds a {type(booster).__name__}, not a booster")
    return booster


def trees(booster: Any) -> dict[str, Any]:
    """Give what a booster has learned as plain arrays, the same whatever process made them."""
    import numpy as np

    each = [p for stage in booster._predictors for p in stage]  # noqa: SLF001 - scikit-learn shows its trees nowhere else
    fields = each[0].nodes.dtype.names if each else ()
    # field by field: a record may have padding, which holds anything
    found = {f: np.concatenate([p.nodes[f] for p in each]) for f in fields}
    found["size"] = np.array([len(p.nodes) for p in each], np.int64)
    found["baseline"] = np.asarray(booster._baseline_prediction)  # noqa: SLF001 - same
    return found
