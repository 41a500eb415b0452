"""What the pages say is what the house does."""

import re
from pathlib import Path

import jupytext
import nbclient
import pytest

import nextbuy as nb

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


def test_readme_python_runs(capsys):
    """The ten lines of the README run as they stand, and print what they promise."""
    text = (ROOT / "README.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert "bathtub" in capsys.readouterr().out
    plan, predictions = names["plan"], names["predictions"]
    assert len(plan.offers) + len(plan.suppressed) == len(predictions)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Every relative link of a page leads to a file of the repository."""
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("name", [n for n in nb.__all__ if n != "__version__"])
def test_public_names_are_documented(name):
    """Every public name has a docstring and stands on some page."""
    assert (getattr(nb, name).__doc__ or "").strip(), name
    assert any(re.search(rf"\b{name}\b", page.read_text()) for page in [*PAGES, ROOT / "CHANGELOG.md"]), name


def test_the_readme_names_every_public_name():
    """The last table of the README names each public name of each room, and no other."""
    table = (ROOT / "README.md").read_text().split("## Every public name")[1].split("\n\n")[1]
    rooms = {"datasets", "evaluate", "plot"}
    known = {n for n in nb.__all__ if n not in rooms | {"__version__"}}
    known |= {f"{room}.{n}" for room in rooms for n in getattr(nb, room).__all__} - {"evaluate.backtest"}
    assert set(re.findall(r"`([\w.]+)`", table)) == known | {"engines.spark.fit", "engines.spark.predict"}


def test_documented_problems_are_those_of_the_checks():
    """The table of docs/orders.md names each problem code that the checks can give, and no other."""
    source = "".join(path.read_text() for path in (ROOT / "src/nextbuy/orders").glob("*.py"))
    page = (ROOT / "docs/orders.md").read_text()
    rows = re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE)
    documented = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    for code in documented:
        assert f'"{code}"' in source or code.startswith("missing_"), code
    for code in ("duplicate", "return", "future", "spaces", "mixed_ids", "encoding", "malformed_line"):
        assert code in documented


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_and_script_are_one(path):
    """The notebook that is shown holds the same cells as the script it is paired with."""
    shown, script = jupytext.read(path.with_suffix(".ipynb")), jupytext.read(path)
    assert [(c.cell_type, c.source) for c in shown.cells] == [(c.cell_type, c.source) for c in script.cells]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path):
    """Every notebook runs from the first cell to the last."""
    notebook = jupytext.read(path)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert all(cell.get("execution_count") for cell in notebook.cells if cell.cell_type == "code")
