"""A model comes back as it was, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.storage import bundle
from nextbuy.storage.manifest import seal


@pytest.fixture(scope="session")
def saved(links, tmp_path_factory):
    return nb.save(links, tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def copy(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "model")
    return tmp_path / "model"


def _reseal(model, change):
    """Change the manifest the way an attacker would: with a checksum that is right."""
    content = json.loads((model / "manifest.json").read_bytes())
    content.pop("checksum")
    change(content)
    (model / "manifest.json").write_bytes(seal(content))


def test_sequential_rules_come_back(links, saved):
    """Rules, lag tables and chances are the same to the bit after loading."""
    again = nb.load(saved)
    pd.testing.assert_frame_equal(again.rules_, links.rules_, check_exact=True)
    assert again.get_params() == links.get_params()
    a, b = links.rules_.iloc[0][["antecedent", "consequent"]]
    pd.testing.assert_frame_equal(again.lags(a, b), links.lags(a, b), check_exact=True)
    chance = {"elapsed_days": 11.0, "horizon_days": 30.0}
    assert again.probability(a, b, **chance) == links.probability(a, b, **chance)


def test_association_rules_come_back_and_go_on(rules, tmp_path):
    """Stored rules are the same to the bit, and learn on as if they had never left memory."""
    whole = nb.load(nb.save(rules, tmp_path / "whole"))
    pd.testing.assert_frame_equal(whole.rules_, rules.rules_, check_exact=True)
    pd.testing.assert_frame_equal(whole.itemsets_, rules.itemsets_, check_exact=True)
    baskets = [["tiles", "grout"], ["tiles", "grout", "trowel"], ["paint", "roller"], ["paint"]] * 20
    params = {"min_support": 0.05, "min_customers": 1}
    first = nb.AssociationRules(**params).fit(baskets[:33])
    again = nb.load(nb.save(first, tmp_path / "part")).update(baskets[33:])
    together = nb.AssociationRules(**params).fit(baskets)
    pd.testing.assert_frame_equal(again.rules_, together.rules_, check_exact=True)


def test_projects_and_patterns_come_back(links, orders, tmp_path):
    """Stored projects answer for customers as before, chances to the bit; stored patterns are the same frame."""
    basket = nb.AssociationRules(level="category").fit(orders)
    projects = nb.Projects().fit(links, orders=orders, basket=basket)
    again = nb.load(nb.save(projects, tmp_path / "projects"))
    assert len(projects.projects_) > 3
    for name in ("projects_", "items_"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(projects, name), check_exact=True)
    pd.testing.assert_frame_equal(again.of(orders), projects.of(orders), check_exact=True)
    assert again.get_params() == projects.get_params()
    patterns = nb.Patterns(level="category", min_customers=60).fit(orders)
    found = nb.load(nb.save(patterns, tmp_path / "patterns"))
    assert len(patterns.patterns_) > 100
    pd.testing.assert_frame_equal(found.patterns_, patterns.patterns_, check_exact=True)


def test_bits_survive_another_process(links, saved):
    """Another process that loads the bundle reads the same numbers, bit by bit."""
    code = (
        "import sys, nextbuy as nb; r = nb.load(sys.argv[1]).rules_;"
        "print('|'.join(float(v).hex() for v in r['lift_low']));"
        "print('|'.join(r['consequent']))"
    )
    done = subprocess.run([sys.executable, "-c", code, saved], capture_output=True, text=True, check=True)
    lifts, items = done.stdout.splitlines()
    assert lifts.split("|") == [float(v).hex() for v in links.rules_["lift_low"]]
    assert items.split("|") == links.rules_["consequent"].tolist()


def test_no_flipped_byte_goes_unseen(copy):
    """Any one byte changed, in any file, is one clear error: 300 places over all files."""
    random = np.random.default_rng(0)
    files = sorted(copy.iterdir())
    sizes = np.array([f.stat().st_size for f in files])
    # a place in each file and then everywhere; the manifest, which guards itself, a hundred times
    chosen = [(f, int(random.integers(s))) for f, s in zip(files, sizes, strict=True)]
    chosen += [(f, int(random.integers(f.stat().st_size))) for f in random.choice(files, 200 - len(files))]
    manifest = copy / "manifest.json"
    chosen += [(manifest, int(at)) for at in random.integers(manifest.stat().st_size, size=100)]
    assert len(chosen) == 300
    for file, at in chosen:
        content = bytearray(file.read_bytes())
        before, content[at] = content[at], content[at] ^ int(random.integers(1, 256))
        file.write_bytes(content)
        with pytest.raises(nb.BundleError):
            nb.load(copy)
        content[at] = before
        file.write_bytes(content)
    assert len(nb.load(copy).rules_)


def test_a_space_more_in_the_manifest_is_seen(copy):
    """Not even white space of the manifest may change."""
    page = (copy / "manifest.json").read_bytes()
    for changed in (page + b"\n", page.replace(b": ", b":  ", 1), page.replace(b"\n", b"\r\n")):
        (copy / "manifest.json").write_bytes(changed)
        with pytest.raises(nb.BundleError, match=r"manifest\.json was changed"):
            nb.load(copy)


def test_every_length_but_the_whole_is_refused(copy):
    """Files cut short or grown, missing or added, are named."""
    file = copy / "table.hazard.npy"
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(nb.BundleError, match=r"table\.hazard\.npy has [\d,]+ bytes instead of"):
        nb.load(copy)
    file.unlink()
    with pytest.raises(nb.BundleError, match=r"table\.hazard\.npy is missing"):
        nb.load(copy)
    file.write_bytes(content)
    (copy / "extra.npy").write_bytes(b"")
    with pytest.raises(nb.BundleError, match=r"extra\.npy does not belong"):
        nb.load(copy)
    (copy / "extra.npy").unlink()
    (copy / "manifest.json").write_bytes(b"")
    with pytest.raises(nb.BundleError, match=r"manifest\.json cannot be read"):
        nb.load(copy)


def test_newer_and_foreign_bundles_say_what_they_are(copy, tmp_path):
    """A newer format asks for an upgrade; another program's directory is called that."""
    _reseal(copy, lambda c: c.update(format_version=2, library_version="9.1.0"))
    with pytest.raises(nb.BundleError, match=r"format 2 by nextbuy 9\.1\.0.*pip install -U nextbuy"):
        nb.load(copy)
    _reseal(copy, lambda c: c.update(format_version=1, format="mlflow"))
    with pytest.raises(nb.BundleError, match="is no nextbuy model"):
        nb.load(copy)
    (tmp_path / "other").mkdir()
    with pytest.raises(nb.BundleError, match=r"it has no manifest\.json"):
        nb.load(tmp_path / "other")
    for name in ("nowhere", "no\0where"):
        with pytest.raises(nb.BundleError, match=r"There is no model at .*nextbuy\.save\(model"):
            nb.load(tmp_path / name)
    with pytest.raises(nb.BundleError, match="is a file"):
        nb.load(__file__)


@pytest.mark.parametrize(
    "name", ["../secret.npy", "/etc/passwd", "sub/a.npy", "..", "a\\b.npy", ".hidden.npy", "a.pkl"]
)
def test_no_name_leads_out_of_the_directory(copy, tmp_path, name):
    """A manifest that lists another place is refused before that place is opened."""
    np.save(tmp_path / "secret.npy", np.arange(3))
    _reseal(copy, lambda c: c["files"].update({name: c["files"].pop("table.bins.npy")}))
    with pytest.raises(nb.BundleError, match="which is no file of a model"):
        nb.load(copy)


def test_links_are_not_followed(copy, tmp_path):
    """A symbolic link inside a bundle is refused, though what it points at has the right content."""
    file = copy / "table.bins.npy"
    shutil.move(file, tmp_path / "bins.npy")
    file.symlink_to(tmp_path / "bins.npy")
    with pytest.raises(nb.BundleError, match=r"table\.bins\.npy"):
        nb.load(copy)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(nb.BundleError, match=r"table\.bins\.npy is no plain file"):
        nb.load(copy)


@pytest.mark.parametrize("name", ["os.system", "Pipeline", "subprocess", None, 3])
def test_a_class_name_imports_nothing(copy, name):
    """Only the classes of the fixed table can come out of a bundle."""
    _reseal(copy, lambda c: c.update({"class": name}))
    with pytest.raises(nb.BundleError, match="it says that it is a"):
        nb.load(copy)


def test_crafted_content_is_one_error(copy):
    """Files with right checksums and wrong content end in a BundleError too, never in another exception."""
    import hashlib

    def put(name, content):
        (copy / name).write_bytes(content)
        one = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        _reseal(copy, lambda c: c["files"].update({name: one}))

    good = (copy / "table.hazard.npy").read_bytes()
    pickled = (
        b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(127)
        + b"\n\x80\x04."
    )
    for content in (b"", b"\x80\x04K\x01.", pickled, b"PAR1"):
        put("table.hazard.npy", content)
        with pytest.raises(nb.BundleError, match="cannot be used"):
            nb.load(copy)
    put("table.hazard.npy", good)
    assert len(nb.load(copy).rules_)
    for content in (
        b"[]",
        b"{}",
        b'{"value": 3}',
        b'{"dict": {}}',
        b'{"import": "os"}',
        b'{"dict": ' * 5000,
        b'{"value": {"a": 1}}',
    ):
        put("state.json", content)
        with pytest.raises(nb.BundleError, match="cannot be used"):
            nb.load(copy)


def test_a_new_model_replaces_the_old_one_whole(links, rules, tmp_path):
    """Saving over a model leaves only the new one, and nothing else beside it."""
    nb.save(links, tmp_path / "model")
    nb.save(rules, tmp_path / "model")
    assert isinstance(nb.load(tmp_path / "model"), nb.AssociationRules)
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_failed_save_changes_nothing(links, tmp_path, monkeypatch):
    """When writing breaks off, the model that was there is still there, whole, and no trace is left."""
    nb.save(links, tmp_path / "model")
    before = (tmp_path / "model" / "manifest.json").read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle, "seal", full)
    with pytest.raises(OSError, match="No space left"):
        nb.save(links, tmp_path / "model")
    assert (tmp_path / "model" / "manifest.json").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_killed_save_is_swept_up(links, tmp_path):
    """What a process that no longer runs left beside the model goes with the next save."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".model.{dead.pid}.0a0b0c0d.tmp"
    left.mkdir()
    (left / "half.npy").write_bytes(b"half")
    nb.save(links, tmp_path / "model")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_other_peoples_files_are_left_alone(links, tmp_path):
    """A directory that holds something else, or a file, is never replaced."""
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(nb.BundleError, match=r"holds files that are no model, such as 'thesis\.docx'"):
        nb.save(links, tmp_path)
    with pytest.raises(nb.BundleError, match="is a file"):
        nb.save(links, tmp_path / "thesis.docx")
    assert (tmp_path / "thesis.docx").read_text() == "years of work"


def test_a_link_to_a_model_stays_a_link(links, rules, tmp_path):
    """Saving through a link such as current/ replaces what it points at."""
    nb.save(links, tmp_path / "v1")
    (tmp_path / "current").symlink_to("v1")
    nb.save(rules, tmp_path / "current")
    assert (tmp_path / "current").is_symlink()
    assert isinstance(nb.load(tmp_path / "v1"), nb.AssociationRules)


def test_what_cannot_be_stored_says_so(tmp_path):
    """A foreign object or an unfitted model leaves nothing on disk."""
    with pytest.raises(nb.BundleError, match="A dict cannot be stored"):
        nb.save({}, tmp_path / "model")
    with pytest.raises(ValueError, match="fit"):
        nb.save(nb.SequentialRules(), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_the_version_names_what_was_learned(links, orders, tmp_path):
    """Fitting and saving again on the same orders gives the same version, other parameters another."""
    versions = [
        json.loads((nb.save(m, tmp_path / "m") / "manifest.json").read_bytes())["model_version"]
        for m in (
            links,
            nb.SequentialRules(level="category").fit(orders),
            nb.SequentialRules(level="category", window_days=60).fit(orders),
        )
    ]
    assert versions[0] == versions[1] != versions[2]


def test_readers_never_see_half_a_model(links, rules, tmp_path):
    """While one process saves over and over, another that loads gets one model or the other, whole."""
    nb.save(links, tmp_path / "model")
    code = (
        "import sys, nextbuy as nb\n"
        "kinds = {type(nb.load(sys.argv[1])).__name__ for _ in range(60)}\n"
        "print(' '.join(sorted(kinds)))"
    )
    command = [sys.executable, "-c", code, tmp_path / "model"]
    turn = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        while reader.poll() is None:
            turn += 1
            nb.save((links, rules)[turn % 2], tmp_path / "model")
        said = reader.communicate()[0]
    assert reader.returncode == 0
    assert set(said.split()) <= {"AssociationRules", "SequentialRules"}


def test_what_is_loaded_is_read_only_and_outlives_its_files(copy, rules):
    """Arrays lie over the files and cannot be written to; a save over them leaves what was loaded as it was."""
    model = nb.load(copy)
    before = model.rules_.copy()
    hazard = model.mined_.table.hazard
    kept = hazard.copy()
    with pytest.raises(ValueError, match="read-only"):
        hazard[0, 0] = 1.0
    nb.save(rules, copy)
    assert hazard.tobytes() == kept.tobytes()
    pd.testing.assert_frame_equal(model.rules_, before, check_exact=True)
