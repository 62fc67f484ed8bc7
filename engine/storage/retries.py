"""One way to try again, for every network connection: what may pass is waited for, what is refused is not asked twice.

The waits are AWS's "full jitter" (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/): a
random time up to a bound that doubles, so that clients which failed together do not come back together.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, NamedTuple, NoReturn, TypeVar

from engine.errors import OptionError, TransientError
from engine.kinds import Connection
from engine.quantities import Duration
from engine.registry import Doc

T = TypeVar("T")

MOST_DOUBLINGS: Final = 30
UNANSWERED: Final = ("C201", "C203")
"""The codes that say that nobody answers at all."""


@dataclass(frozen=True)
class Backoff:
    """Seconds to wait: up to `first` after the first failure, twice that after each other one, never over `most`."""

    first: float
    most: float

    kind = "range of durations"
    schema = {"type": "string", "pattern": r"^[0-9]+ ?(ms|s|m|h|d)\.\.[0-9]+ ?(ms|s|m|h|d)$"}  # noqa: RUF012

    @classmethod
    def parse(cls, value: object) -> Backoff:
        """Two durations, such as `1s..30s`."""
        first, dots, most = str(value).partition("..")
        if not dots:
            raise OptionError("S208", f"`{value}` is not a range of durations", "write two, such as `1s..30s`")
        made = cls(Duration.parse(first), Duration.parse(most))
        if made.first > made.most:
            raise OptionError("S208", f"`{value}` ends before it begins", f"write `{most}..{first}`")
        return made

    def __str__(self) -> str:
        return f"{Duration(self.first)}..{Duration(self.most)}"

    def wait(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        bound = min(self.most, self.first * 2.0 ** min(failures - 1, MOST_DOUBLINGS))
        return random.uniform(0, bound)  # noqa: S311 - nobody gains by guessing it


class _Down(NamedTuple):
    """A place where nobody answers: since when, until when it is not even tried (as long as the last try took), why."""

    since: str
    until: float
    error: TransientError

    def again(self) -> TransientError:
        """The same refusal once more."""
        return TransientError(
            self.error.code, f"{self.error.message}, nobody answers there since {self.since}", self.error.help
        )


_unreachable: Final[dict[str, _Down]] = {}


def _remember(place: str, error: TransientError, began: float) -> _Down:
    now, before = time.monotonic(), _unreachable.get(place)
    since = before.since if before else f"{datetime.now():%H:%M:%S}"  # as on the user's clock
    _unreachable[place] = made = _Down(since, now + (now - began), error)
    return made


def forget_unreachable() -> None:
    """Whatever was down: a new run waits for it anew."""
    _unreachable.clear()


@dataclass(frozen=True, kw_only=True)
class Retry:
    """What is done where a request fails for a reason that may pass: it is sent again after a wait."""

    attempts: Annotated[int, Doc("How often a request is sent before the run gives up; 1: once.", min=1, max=100)] = 5
    backoff: Annotated[
        Backoff, Doc("How long to wait: a random time up to the first, doubled each time, never over the second.")
    ] = Backoff(1, 30)

    def __str__(self) -> str:
        return f"{{attempts: {self.attempts}, backoff: {self.backoff}}}"

    def run(self, call: Callable[[], T], place: str = "") -> T:
        """What the call gives; TransientErrors are waited out, until the last one, which is raised.

        A `place` that nobody answered at to the last try is tried once from then on, until it answers: what needs it
        fails at once, and is not waited for file by file.
        """
        down, failures = _unreachable.get(place), 0
        if down and time.monotonic() < down.until:
            raise down.again()
        while True:
            began = time.monotonic()
            try:
                made = call()
            except TransientError as error:
                failures += 1
                if place and error.code in UNANSWERED and (down or failures >= self.attempts):
                    now_down = _remember(place, error, began)
                    if down:
                        raise now_down.again() from None
                self.wait(failures, error)
            else:
                _unreachable.pop(place, None)
                return made

    def wait(self, failures: int, error: TransientError) -> None:
        """Wait after so many failures in a row, at least as long as the other side asked; the last one is raised."""
        if failures >= self.attempts:
            _give_up(failures, error)
        time.sleep(max(self.backoff.wait(failures), min(error.wait, self.backoff.most)))


def _give_up(failures: int, error: TransientError) -> NoReturn:
    tries = f", {failures} times in a row" if failures > 1 else ""
    raise TransientError(error.code, error.message + tries, error.help) from None


@dataclass(frozen=True, kw_only=True)
class Network(Connection):
    """The options that every connection over a network has."""

    retry: Annotated[Retry, Doc("Requests that fail for a reason that may pass are sent again.")] = Retry()
    timeout: Annotated[
        Duration, Doc("How long the other side may stay silent before a request counts as failed, such as `30s`.")
    ] = Duration(60)


def without_user(url: str) -> str:
    """A URL as it may be shown: what stands before its host could be a password."""
    return re.sub(r"//[^/]*@", "//***@", url)
