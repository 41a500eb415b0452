"""The main model comes back as it was."""

from __future__ import annotations

import hashlib
import json
import mmap
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.storage import read_manifest
from nextbuy.storage.manifest import seal


@pytest.fixture(scope="module")
def small():
    data = nb.datasets.make_orders(customers=400, days=400, seed=11)
    return nb.read_orders(data.orders, catalog=data.catalog)


@pytest.fixture(scope="module")
def model(small):
    return nb.NextPurchase().fit(small)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    return nb.save(model, tmp_path_factory.mktemp("saved") / "model")


def test_predictions_are_the_same_to_the_bit(model, saved, small):
    """Every kind of prediction is the same after loading, for the fitted histories and for given ones."""
    again = nb.load(saved)
    assert any(head.model is not None for head in (again.learned_.new, again.learned_.repeat))
    for kind in ("all", "new", "repeat"):
        pd.testing.assert_frame_equal(again.predict(kind=kind), model.predict(kind=kind), check_exact=True)
    later = {"as_of": "2025-08-01", "customers": ["C-00001", "nobody"]}
    pd.testing.assert_frame_equal(
        again.predict(small, **later), model.predict(small, **later), check_exact=True
    )


def test_another_process_predicts_the_same_bits(model, saved):
    """A process that only has the bundle gives the same chances, bit by bit."""
    code = (
        "import sys, nextbuy as nb; p = nb.load(sys.argv[1]).predict(k=3);"
        "print(' '.join(float(v).hex() for v in p['probability'])); print('|'.join(p['item_id']))"
    )
    done = subprocess.run([sys.executable, "-c", code, saved], capture_output=True, text=True, check=True)
    chances, items = done.stdout.splitlines()
    here = model.predict(k=3)
    assert chances.split() == [float(v).hex() for v in here["probability"]]
    assert items.split("|") == here["item_id"].tolist()


def test_no_flipped_byte_goes_unseen(saved):
    """Any one byte changed in any file of the model, the trees' too, is one clear error: 250 places."""
    random = np.random.default_rng(1)
    files = sorted(saved.iterdir())
    assert any("heads.repeat.model" in f.name for f in files)
    chosen = [*files, *random.choice(files, 250 - len(files))]
    for file in chosen:
        before = file.read_bytes()
        at = int(random.integers(len(before)))
        file.write_bytes(before[:at] + bytes([before[at] ^ int(random.integers(1, 256))]) + before[at + 1 :])
        with pytest.raises(nb.BundleError, match=r"cannot be used|is no nextbuy model|Upgrade"):
            read_manifest(saved)
        file.write_bytes(before)
    assert nb.load(saved).as_of_


def test_the_manifest_says_what_was_learned(model, saved, small):
    """Parameters, data and date stand in the manifest; the version is the same when saved again."""
    page = read_manifest(saved)
    assert page["parameters"] == model.get_params()
    assert page["data"]["as_of"] == model.as_of_
    assert (page["data"]["first"], page["data"]["last"]) == (str(small.start.date()), str(small.last.date()))
    assert page["data"]["customers"] == len(model.customer_ids_)
    again = nb.save(nb.load(saved), saved.parent / "again")
    assert read_manifest(again)["model_version"] == page["model_version"]


def test_the_same_fit_gives_the_same_bytes(small, saved, tmp_path):
    """Another fit on the same orders, and a model that was loaded, are stored byte by byte as the first one."""
    for number, again in enumerate((nb.NextPurchase().fit(small), nb.load(saved))):
        place = nb.save(again, tmp_path / str(number))
        for file in sorted(saved.iterdir()):
            assert (place / file.name).read_bytes() == file.read_bytes(), file.name


def test_threads_share_a_loaded_model(model, saved):
    """Eight threads that ask one freshly loaded model at once get what one after the other gets."""
    again = nb.load(saved)
    asked = [{"customers": [c]} for c in model.customer_ids_.to_pylist()[:40]]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: again.predict(**one), asked))
    for one, found in zip(asked, together, strict=True):
        pd.testing.assert_frame_equal(found, model.predict(**one), check_exact=True)


def test_large_files_are_mapped(saved):
    """What takes memory lies over the files: no copy of it is made."""
    again = nb.load(saved)
    large = [a for a in (again._events.day, again.learned_.sources.ease.weights.data) if a.nbytes >= 1 << 16]
    assert large
    for array in large:
        base = array
        while isinstance(base, np.ndarray):
            base = base.base
        assert isinstance(base.obj, mmap.mmap)


def _reseal(place, name):
    """Make the manifest say what a changed file holds now, as a stranger would."""
    content, raw = json.loads((place / "manifest.json").read_bytes()), (place / name).read_bytes()
    content.pop("checksum")
    content["files"][name] = {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
    (place / "manifest.json").write_bytes(seal(content))


def test_a_language_is_no_way_to_another_file(model, tmp_path):
    """A stranger's model whose language leads out of the texts is refused before any file is opened."""
    place = nb.save(model, tmp_path / "model")
    (tmp_path / "secret.toml").write_text("thousands = '!'")
    tree = (place / "state.json").read_text(encoding="utf-8")
    assert tree.count('"en"') == 1
    (place / "state.json").write_text(
        tree.replace('"en"', json.dumps(str(tmp_path / "secret"))), encoding="utf-8"
    )
    _reseal(place, "state.json")
    with pytest.raises(nb.InputError, match="is not known"):
        nb.load(place).predict(k=1)


@pytest.mark.parametrize("name", ["ease.indices.npy", "ease.indptr.npy", "events.item.npy"])
def test_codes_that_point_elsewhere_are_refused(model, tmp_path, name):
    """A stranger's model whose codes lie outside of its arrays is refused before compiled code follows them."""
    place = nb.save(model, tmp_path / "model")
    values = np.load(place / name)
    np.save(place / name, np.where(np.arange(len(values)) % 7 == 3, 2**30, values).astype(values.dtype))
    _reseal(place, name)
    with pytest.raises(nb.InputError, match=r"cannot be used|codes of items beyond"):
        nb.load(place).predict(k=1)
