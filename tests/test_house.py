"""The plan of the house holds: arrows run one way, the face is light and complete."""

from __future__ import annotations

import ast
import gc
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import nextbuy

SOURCE = Path(nextbuy.__file__).parent
# a room may import the rooms before it
ROOMS = ("orders", "mining", "timing", "predict", "offers", "evaluate")
EDGES = ("storage", "engines", "display", "cli", "datasets")


@cache
def _tree(file):
    gc.disable()  # a collection inside ast.parse can fail it: CPython issue 106905, mended in 3.11.8
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    finally:
        gc.enable()


def _imports(file):
    """Give what a file imports from this library, as full module names, inside functions too."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            if node.module == "nextbuy":
                yield from (f"nextbuy.{a.name}" for a in node.names)
            elif (node.module or "").startswith("nextbuy."):
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "nextbuy")


def _arrows():
    for file in sorted(SOURCE.rglob("*.py")):
        room = file.relative_to(SOURCE).parts[0]
        for name in _imports(file):
            yield room, [*name.split("."), "nextbuy"][1], file


def test_arrows_run_one_way():
    """No room imports a later room, and none imports an edge; only the face and the cli import edges freely."""
    wrong = [
        f"{file.relative_to(SOURCE)} imports {target}"
        for room, target, file in _arrows()
        if room in ROOMS and target in (*ROOMS[ROOMS.index(room) + 1 :], *EDGES)
    ]
    assert not wrong


def test_a_file_is_one_noun():
    """No source file is longer than 400 lines: past that it is two."""
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in SOURCE.rglob("*.py")}
    assert {str(file.relative_to(SOURCE)): count for file, count in lines.items() if count > 400} == {}
    assert len(lines) > 100


def test_edges_do_not_lean_on_the_cli():
    """Storage, engines, display and datasets work without the command line."""
    wrong = [
        f"{file.relative_to(SOURCE)}"
        for room, target, file in _arrows()
        if room in EDGES[:3] and target == "cli"
    ]
    assert not wrong


def test_the_check_sees_a_wrong_arrow(tmp_path):
    """The reader of imports finds them in functions and in every spelling."""
    file = tmp_path / "x.py"
    file.write_text(
        "import nextbuy.cli\ndef f():\n    from nextbuy import offers\n    from nextbuy.evaluate.metrics import ndcg\n"
    )
    assert set(_imports(file)) == {"nextbuy.cli", "nextbuy.offers", "nextbuy.evaluate.metrics"}


def test_no_circle_inside_a_room():
    """At import time no module needs itself, directly or through others."""
    graph = {}
    for file in SOURCE.rglob("*.py"):
        parts = file.relative_to(SOURCE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        top = [n for n in tree.body if isinstance(n, (ast.ImportFrom, ast.Import))]
        graph[name] = {
            m
            for n in top
            for m in (
                [n.module, *(f"{n.module}.{a.name}" for a in n.names)]
                if isinstance(n, ast.ImportFrom)
                else []
            )
            if m and m.startswith("nextbuy.") and m != name
        }
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done or name not in graph:
            return
        path.append(name)
        for other in sorted(graph[name]):
            # a package's face imports its parts; a part names its package only through the part it needs
            if not name.startswith(f"{other}."):
                visit(other)
        path.pop()
        done.add(name)

    for name in sorted(graph):
        visit(name)


def _modules_after(code):
    code += "\nimport sys, json; print(json.dumps(sorted(m for m in sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import nextbuy",
        "import nextbuy; dir(nextbuy); nextbuy.__version__",
        "from nextbuy.cli.app import run\nfor w in ([], ['--help'], ['fit', '-h'], ['--version']): assert run(w) == 0",
    ],
)
def test_the_face_is_light(code):
    """`import nextbuy` and `nextbuy --help` load no heavy library."""
    heavy = {
        "pandas",
        "sklearn",
        "scipy",
        "pyarrow",
        "numpy",
        "mlxtend",
        "matplotlib",
        "duckdb",
        "polars",
    }
    assert not heavy & _modules_after(code)


def test_every_name_of_the_face_is_there():
    """All names of the table load, are listed in __all__, and are what type checkers are told."""
    assert sorted(nextbuy.__all__) == sorted(["__version__", *nextbuy._HOME])
    for name in nextbuy.__all__:
        assert getattr(nextbuy, name) is not None
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    guard = next(n for n in tree.body if isinstance(n, ast.If))
    told = {a.name for n in guard.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert told == set(nextbuy._HOME)


def test_an_unknown_name_is_an_attribute_error():
    """A name that the face doesn't have says so in the usual way."""
    with pytest.raises(AttributeError, match="has no attribute 'NextPurchas'"):
        _ = nextbuy.NextPurchas
