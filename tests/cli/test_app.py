"""How the command line is called, and how it ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nextbuy.cli.app import COMMANDS


def test_help_names_every_command(nextbuy):
    """`nextbuy --help` and each command's help end with 0 and say what there is."""
    code, out, err = nextbuy("--help")
    assert (code, err) == (0, "")
    for command in COMMANDS:
        assert command in out
        code, text, _ = nextbuy(command, "--help")
        assert code == 0
        assert f"Usage: nextbuy {command}" in text
        assert "--json" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["chek"], 'Did you mean "check"?'),
        (["fit", "orders.csv", "--modle", "m"], "Did you mean --model?"),
        (["fit", "orders.csv"], "--model"),
        (["fit", "--model", "m"], "Which orders?"),
        (["score", "orders.csv", "--model", "m", "--out", "o"], "--as-of"),
        (
            ["score", "orders.csv", "--model", "m", "--out", "o", "--as-of", "soon"],
            "--as-of 'soon' is no date",
        ),
        (["rules", "orders.csv", "--kind", "basket,sequence"], "kind"),
        (["rules", "orders.csv", "-k", "many"], "many"),
        (["rules", "orders.csv", "-k", "0"], "Must be >= 1"),
        (["backtest", "orders.csv", "--cutoffs", "few"], "few"),
        (["backtest", "orders.csv", "--cutoffs", "0"], "Must be >= 1"),
    ],
)
def test_wrong_usage_is_one_message_and_two(nextbuy, words, said):
    """Unknown commands and options, missing and wrong values: exit code 2, one line, where to look."""
    code, out, err = nextbuy(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_a_bug_is_a_message_too(nextbuy, shop, monkeypatch):
    """An unforeseen exception gives exit code 3 and its name; the trace only when asked for."""
    import nextbuy as nb

    def breaks(*_, **__):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(nb.SequentialRules, "fit", breaks)
    code, _, err = nextbuy("rules", shop / "orders.parquet")
    assert code == 3
    assert "ZeroDivisionError: division by zero" in err
    assert "Traceback" not in err
    monkeypatch.setenv("NEXTBUY_TRACEBACK", "1")
    code, _, err = nextbuy("rules", shop / "orders.parquet")
    assert "Traceback" in err


def test_the_installed_command_ends_with_the_code():
    """The console script gives the exit code to the shell."""
    code = "import sys; sys.argv[1:] = ['check', 'nowhere.csv']; from nextbuy.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("nextbuy: No file matches 'nowhere.csv'")


def test_strict_stops_before_any_work(nextbuy, names, shop, tmp_path):
    """Under --strict a dirty source ends every command with 1 and writes nothing; without, the job goes on."""
    for words in (
        ["rules"],
        ["fit", "--model", tmp_path / "m"],
        ["backtest", "--report", tmp_path / "r.html"],
    ):
        code, out, err = nextbuy(words[0], shop / "raw.csv", *words[1:], *names, "--strict")
        assert (code, out) == (1, "")
        assert "1 problem in 401 lines (--strict): missing_customer" in err
    assert not list(tmp_path.iterdir())
    code, _, err = nextbuy("rules", shop / "raw.csv", *names, "--kind", "basket")
    assert code == 0
    assert "1 problem found, 1 of 401 lines set aside" in err
