"""What is tried again, and what is not waited for twice."""

import pytest

from engine.errors import TransientError
from engine.storage import refusals, retries
from engine.storage.retries import Backoff, Retry

FAST = Retry(attempts=3, backoff=Backoff(0.001, 0.002))
PLACE = "https://s3.example.com/lake"


@pytest.fixture(autouse=True)
def nothing_is_down():
    retries.forget_unreachable()
    yield
    retries.forget_unreachable()


def asked(*answers):
    """A call that gives these, or raises them, and how often it was made."""
    left, made = iter(answers), []

    def call():
        made.append(1)
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return call, made


def gone():
    return refusals.unreachable(PLACE, "Connection refused")


def test_a_place_that_is_down_is_waited_for_once(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(retries.time, "monotonic", lambda: now[0])
    answers, made = asked(gone(), gone(), gone(), gone(), "here", gone(), "again")

    def call():
        now[0] += 5  # seconds that each try takes
        return answers()

    with pytest.raises(TransientError, match="Connection refused, 3 times in a row"):
        FAST.run(call, PLACE)
    with pytest.raises(TransientError, match=r"Connection refused, nobody answers there since \d\d:\d\d:\d\d"):
        FAST.run(call, PLACE)  # not even tried
    assert len(made) == 3
    now[0] += 6
    with pytest.raises(TransientError, match="nobody answers there since"):
        FAST.run(call, PLACE)  # one try
    assert len(made) == 4
    now[0] += 6
    assert FAST.run(call, PLACE) == "here"
    assert FAST.run(call, PLACE) == "again"  # it answers: it is waited for again


def test_other_places_and_other_failures_are_waited_for():
    call, _ = asked(gone(), gone(), gone(), gone(), "here")
    with pytest.raises(TransientError):
        FAST.run(call, PLACE)
    assert FAST.run(call, "https://other.example.com") == "here"
    retries.forget_unreachable()
    call, made = asked(*[refusals.busy(PLACE, "503") for _ in range(5)], "here")
    with pytest.raises(TransientError):
        FAST.run(call, PLACE)
    assert (FAST.run(call, PLACE), len(made)) == ("here", 6)


def test_a_new_run_waits_anew():
    call, made = asked(gone(), gone(), gone(), gone(), "here")
    with pytest.raises(TransientError):
        FAST.run(call, PLACE)
    retries.forget_unreachable()
    assert (FAST.run(call, PLACE), len(made)) == ("here", 5)
