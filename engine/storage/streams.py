"""Standard output as a place to publish to: what a unit made waits in a file of the state, and is written out once."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.errors import StoreError
from engine.kinds import Connection, Store
from engine.storage.local import LocalStore
from engine.storage.refusals import store_error

FOLDER = "stdout"


@dataclass(frozen=True)
class Stdout(Connection):
    """Where a pipe begins; no spec names it."""

    type: ClassVar[str] = "stdout"

    def store(self, folder: str) -> Store:
        """Its one file, staged below a folder of the state."""
        return StdoutStore(os.path.join(folder, FOLDER))


class StdoutStore(LocalStore):
    """Stages like a folder, and publishes by writing to standard output; what was written is staged no more."""

    broken: ClassVar[StoreError | None] = None
    """What ended it: nobody reads it any more, or what it is redirected to takes no more."""

    @property
    def address(self) -> Mapping[str, str]:
        """The folder in which it waits."""
        return {"type": "stdout", "base": self.base}

    def where(self, path: str) -> str:
        """Every unit writes to it, and none replaces what another wrote."""
        return f"stdout {path} {os.urandom(8).hex()}"

    def show(self, path: str) -> str:
        """As people know it."""
        return "standard output"

    def publish(self, output: Mapping[str, Any]) -> None:
        """Write the file out and remove it."""
        if not self.exists(output["staged"]):
            return
        if StdoutStore.broken:  # what stands in its place takes everything
            raise StdoutStore.broken
        try:
            with open(self.full(output["staged"]), "rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except OSError as error:
            unread = isinstance(error, BrokenPipeError)
            StdoutStore.broken = _unread() if unread else store_error(error, self.show(""))
            # the interpreter would complain once more when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise StdoutStore.broken from error
        self.remove(output["staged"])


def _unread() -> StoreError:
    return StoreError("C106", "nobody reads standard output any more", "run again: the unit is written then")
