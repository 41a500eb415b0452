"""Stored models from strangers: every file changed, under a manifest whose checksums are right."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import warnings
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import nextbuy as nb
from hostile.guard import Broken, told, watched
from hostile.mutate import mutated
from nextbuy.storage.manifest import seal

if TYPE_CHECKING:
    from pathlib import Path

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 10**30, 1e308, "nan", "", "x" * 500, "../../etc/passwd",
    "/etc/passwd", "manifest.json",
    "state.json", [], {}, {"value": 1}, {"list": []}, {"npy": "/etc/passwd"}, {"npy": "../model/state.json"},
    {"float": "1e5"},
    {"booster": "state.json"}, {"table": "state.json"}, {"dict": {"a": {"value": "b"}}}, {"os.system": "id"},
    {"value": [1]},
)  # fmt: skip


def models(place: Path) -> list[Path]:
    """Fit and store one small model of each class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = nb.datasets.make_orders(customers=250, days=300, seed=3)
        orders = nb.read_orders(data.orders, catalog=data.catalog)
        links = nb.SequentialRules(level="category").fit(orders)
        fitted = [
            links,
            nb.AssociationRules(min_support=0.02).fit(orders),
            nb.Projects().fit(links),
            nb.CustomerActivity().fit(orders),
            nb.NextPurchase().fit(orders),
        ]
    return [nb.save(one, place / type(one).__name__) for one in fitted]


class Bundles:
    """A case is a model, a way of breaking it, and the bytes to break it with."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.models = models(place / "models")
        self.copy = place / "model"
        self.files = [{f.name: f.read_bytes() for f in sorted(m.iterdir())} for m in self.models]
        self.seeds = tuple(bytes([m]) + b"seed" for m in range(len(self.models)))
        for model in self.models:
            nb.load(model)  # what is imported on first use is imported now

    def case(self, draw: random.Random) -> bytes:
        """Give what the case is drawn from; the large model comes last and least often."""
        return bytes(
            [min(draw.randrange(len(self.models) * 3), len(self.models) * 3 - 1) % len(self.models)]
        ) + draw.randbytes(8)

    def run(self, content: bytes) -> str:
        """Break a copy of the model that `content` names."""
        known = self.files[(content[0] if content else 0) % len(self.files)]
        return self.drawn(random.Random(content), known)  # noqa: S311 - no secret

    def drawn(self, draw: random.Random, known: dict[str, bytes]) -> str:
        """Break a copy and load it; whatever loads is asked for its parameters."""
        shutil.rmtree(self.copy, ignore_errors=True)
        self.copy.mkdir()
        files = self.broken(dict(known), draw)
        for name, body in files.items():
            if "/" in name or "\0" in name or len(name.encode()) > 250 or name in {"", ".", ".."}:
                continue  # no such file can be
            if body is None:
                (self.copy / name).symlink_to(
                    draw.choice(("/etc/passwd", "/dev/zero", "state.json", "/proc/self/environ", ".."))
                )
            else:
                (self.copy / name).write_bytes(body)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with watched(self.copy):
                    made = nb.load(self.copy)
                    made.get_params()
                    repr(made)
            except Broken:
                raise
            except Exception as error:  # noqa: BLE001 - that is the question
                return told(error, [nb.BundleError])
            return self.used(made)

    @staticmethod
    def used(made: Any) -> str:
        """Ask what was loaded: it may answer nonsense or refuse, but has to end, and in this process."""
        with watched(seconds=30, forbid=False):
            try:
                if isinstance(made, nb.NextPurchase):
                    made.predict(customers=made.customer_ids_[:2].to_pylist(), k=2)
                elif hasattr(made, "rules_"):
                    len(made.rules_)
            except Broken:
                raise
            except Exception as error:  # noqa: BLE001 - nonsense may fail
                return f"read, then {type(error).__name__}"
        return "read"

    def broken(self, files: dict[str, Any], draw: random.Random) -> dict[str, Any]:
        """Change one file or more; mostly the manifest says then what is there."""
        name = draw.choice(sorted(set(files) - {"manifest.json"}))
        kind = draw.randrange(10)
        if kind == 0:
            files[draw.choice(sorted(files))] = mutated(files["manifest.json"], draw)
            return files
        if kind == 1:
            return self.sealed(files, draw, twisted=True)
        if kind == 2:
            files[name] = None  # a link
            return files
        if kind in {3, 4, 5}:
            tree = json.loads(files["state.json"])
            _twist(tree, draw)
            files["state.json"] = json.dumps(tree).encode()
        elif kind == 6:
            files[name] = files[draw.choice(sorted(files))]
        else:
            # a header is where lies pay
            body = files[name]
            cut = draw.choice((len(body), 160))
            files[name] = mutated(body[:cut], draw) + body[cut:]
        return self.sealed(files, draw)

    @staticmethod
    def sealed(files: dict[str, Any], draw: random.Random, *, twisted: bool = False) -> dict[str, Any]:
        """Write the manifest that says what is there."""
        content = json.loads(files["manifest.json"])
        content.pop("checksum")
        content["files"] = {
            n: {"sha256": hashlib.sha256(b).hexdigest(), "bytes": len(b)}
            for n, b in files.items()
            if n != "manifest.json" and b is not None
        }
        if twisted:
            _twist(content, draw)
        try:
            files["manifest.json"] = seal(content)
        except (ValueError, UnicodeError):
            files["manifest.json"] = json.dumps(content).encode()
        return files


def _twist(tree: Any, draw: random.Random) -> None:
    """Change a few places of a nest of dicts and lists."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        node = tree
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = draw.choice(keys)
            if isinstance(node[key], (dict, list)) and node[key] and draw.random() < 0.85:
                node = node[key]
                continue
            break
        kind = draw.randrange(4)
        if kind == 0 and len(keys) > 1:
            del node[key]
        elif kind == 1 and isinstance(node, dict):
            node[draw.choice((str(draw.choice(VALUES))[:100], "../../" + str(key), str(key) + "x"))] = (
                node.pop(key)
            )
        elif kind == 2:
            node[key] = deepcopy(node[draw.choice(keys)])
        else:
            node[key] = deepcopy(draw.choice(VALUES))
        if not (isinstance(tree, dict) and tree):
            return
