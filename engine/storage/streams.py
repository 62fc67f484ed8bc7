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
        try:
            with open(self.full(output["staged"]), "rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except BrokenPipeError as error:
            # the interpreter would complain once more when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            message, help = "nobody reads standard output any more", "run again: the unit is written then"
            raise StoreError("C106", message, help) from error
        self.remove(output["staged"])
