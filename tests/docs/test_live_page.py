"""The service of docs/live.md answers as the model does, and changes its model without failing anybody."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

import nextbuy as nb
from nextbuy.storage import read_manifest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="module")
def histories():
    made = nb.datasets.make_orders(customers=300, days=300, seed=5)
    return nb.read_orders(made.orders, catalog=made.catalog)


@pytest.fixture(scope="module")
def models(histories, tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    fitted = [nb.NextPurchase(horizon_days=days).fit(histories) for days in (30, 45)]
    return {read_manifest(nb.save(m, place / str(m.horizon_days)))["model_version"]: m for m in fitted}, place


@pytest.fixture
def served(models, tmp_path):
    """Run the service on a copy of the first model; give its port and the copy."""
    shutil.copytree(models[1] / "30", tmp_path / "model")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "service:app", "--app-dir", EXAMPLES, "--port", str(port)]
    with subprocess.Popen(
        [*command, "--log-level", "error"], env=os.environ | {"NEXTBUY_MODEL": str(tmp_path / "model")}
    ) as process:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield port, tmp_path / "model"
        process.terminate()


def _ask(connection, body):
    connection.request("POST", "/predict", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_new_model_takes_over_without_a_failed_request(served, models, histories):
    """While four clients ask without pause, the model is replaced: each answer is one of theirs."""
    (port, place), (fitted, stored) = served, models
    lines = histories.frame().assign(timestamp=lambda f: f["timestamp"].astype(str))
    own = [rows.drop(columns="price").to_dict("records") for _, rows in lines.groupby("customer_id")][:20]
    first, second = fitted
    as_of = fitted[first].as_of_
    expected = {
        version: [json.loads(json.dumps(m.predict(one, as_of=as_of, k=5), default=str)) for one in own]
        for version, m in fitted.items()
    }
    assert expected[first] != expected[second]
    met, wrong, stop = [], [], threading.Event()

    def client():
        number = 0
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            while not stop.is_set():
                number = (number + 1) % len(own)
                try:
                    status, answer = _ask(connection, {"orders": own[number], "as_of": as_of, "k": 5})
                except OSError as error:
                    wrong.append(error)
                    return
                if status != 200 or answer["predictions"] != expected[answer["model"]][number]:
                    wrong.append((status, answer))
                met.append(answer.get("model"))

    clients = [threading.Thread(target=client) for _ in range(4)]
    for one in clients:
        one.start()
    try:
        _wait(lambda: first in met)
        nb.save(nb.load(stored / "45"), place)
        _wait(lambda: second in met)
        # what cannot be used changes nothing
        (place / "manifest.json").write_bytes(b"{}")
        before = len(met)
        time.sleep(2.5)
        assert met[before:].count(second) == len(met[before:]) > 0
    finally:
        stop.set()
        for one in clients:
            one.join()
    assert not wrong
    assert set(met) == {first, second}


def _wait(done):
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_wrong_questions_are_told_what_is_wrong(served):
    """What the library would raise comes back as 422 with its message; the service goes on."""
    with closing(http.client.HTTPConnection("127.0.0.1", served[0], timeout=60)) as connection:
        for body, word in (
            ({"orders": [{"customer_id": "x", "timestamp": "2026-01-01"}]}, "item_id"),
            ({"orders": []}, "orders"),
            (
                {"orders": [{"customer_id": "x", "timestamp": "2026-01-01", "item_id": "y"}], "kind": "best"},
                "kind",
            ),
        ):
            status, answer = _ask(connection, body)
            assert status == 422
            assert word in json.dumps(answer)
        connection.request("GET", "/model")
        assert json.loads(connection.getresponse().read())["as_of"]
