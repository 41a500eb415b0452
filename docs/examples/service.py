"""Next purchases over HTTP: what one customer buys next, answered from a stored model that can be replaced meanwhile.

NEXTBUY_MODEL=model/ uvicorn service:app --app-dir docs/examples
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel, Field

import nextbuy as nb
from nextbuy.storage import read_manifest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS_BETWEEN_LOOKS = 1.0
log = logging.getLogger("nextbuy.service")


class Served:
    """The model that answers, and the directory that it comes from.

    A request takes `current` once and works with that model to its end; a new one takes its place by one assignment.
    """

    def __init__(self, directory: str) -> None:
        self.manifest = Path(directory) / "manifest.json"
        self.seen = self.refused = self._look()
        self.current = self._open()

    def _look(self) -> tuple[int, int]:
        found = self.manifest.stat()
        return found.st_ino, found.st_mtime_ns

    def _open(self) -> tuple[str, Any]:
        directory = self.manifest.parent
        version, model = "", None
        while (
            now := read_manifest(directory)["model_version"]
        ) != version:  # the same before and after loading
            version, model = now, nb.load(directory)
        assert model is not None
        # what is made when first asked for is made before the first customer
        item = model.item_ids_[0].as_py()
        model.predict([{"customer_id": "nobody", "timestamp": model.as_of_, "item_id": item}])
        return version, model

    def refresh(self) -> None:
        """Take the model that lies there now, if it is another one; a broken one leaves the old one in its place."""
        found = self.seen
        try:
            found = self._look()
            if found != self.seen:
                self.current = self._open()
                self.seen = found
                log.warning("now answering from %s", self.current[0])
        except (nb.BundleError, OSError) as error:
            if found != self.refused:  # it is looked at again each time, and told once
                log.error("still answering from %s: %s", self.current[0], error)  # noqa: TRY400 - the message says all
            self.refused = found


class Asked(BaseModel):
    """One customer's order lines, and what is wanted."""

    orders: list[dict[str, Any]] = Field(min_length=1, max_length=20_000)
    as_of: str | None = None
    kind: str = "all"
    k: int = Field(default=10, ge=1, le=100)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the model, and look for a new one as long as the service runs."""
    served = app.state.served = Served(os.environ["NEXTBUY_MODEL"])

    async def watch() -> None:
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            await asyncio.to_thread(served.refresh)

    watching = asyncio.create_task(watch())
    yield
    watching.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/predict")
async def predict(asked: Asked) -> Response:
    """Answer for one customer: the rows of `NextPurchase.predict`."""
    version, model = app.state.served.current
    try:
        rows = model.predict(asked.orders, as_of=asked.as_of, kind=asked.kind, k=asked.k)
    except nb.InputError as error:
        raise HTTPException(422, str(error)) from error
    content = json.dumps({"model": version, "predictions": rows}, default=str, allow_nan=False)
    return Response(content, media_type="application/json")


@app.get("/model")
async def model() -> dict[str, str]:
    """Say which model answers."""
    version, found = app.state.served.current
    return {"model": version, "as_of": found.as_of_}
