"""The contract of the key-value store, run over every backend: values, versions, order, transactions."""

import signal
import sqlite3
import tempfile
import threading
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.errors import StoreError
from engine.state.kv import KV, PAGE, Conflict, Entry, after

BACKENDS = {"disk": KV.open}

# Characters at which orders, patterns and bounds go wrong: the ends of the code space and both sides of
# the surrogates, SQL's and glob's wildcards, our own separator, quotes, combining and right-to-left marks.
HARD = "ab%_*?[:'\"\\/\n\x01\x7f\x80éß\u0301\u200f\ud7ff\ue000\uffff\U00010000\U0010ffff"
texts = st.text(st.sampled_from(HARD) | st.characters(exclude_categories=["Cs"], min_codepoint=1), max_size=6)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=12,
)
same_store = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)


@pytest.fixture(params=BACKENDS)
def opens(request, tmp_path):
    """A function that opens the same store again, as another process would."""
    return lambda: BACKENDS[request.param](str(tmp_path / "state"))


@pytest.fixture
def kv(opens):
    with opens() as store:
        yield store


def test_a_value_comes_back_with_a_rising_version(kv):
    assert kv.get("units", "a") is None
    assert not kv.has("units", "a")
    assert kv.set("units", "a", {"x": 1}) == 1
    assert kv.set("units", "a", None) == 2
    assert kv.get("units", "a") == Entry(None, 2)
    assert kv.has("units", "a")
    assert kv.delete("units", "a")
    assert not kv.delete("units", "a")
    assert kv.get("units", "a") is None


@same_store
@given(namespace=texts, key=texts, value=values)
def test_every_key_and_value_round_trips(kv, namespace, key, value):
    kv.set(namespace, key, value)
    found = kv.get(namespace, key).value
    assert repr(found) == repr(value)
    assert (key, kv.get(namespace, key)) in list(kv.list(namespace))


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1: 2},
        {"a": {None: 1}},
        {1, 2},
        b"x",
        float("nan"),
        float("inf"),
        "\ud800",
        {"\udfff": 1},
        object(),
        [(1,)],
        10**5000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_json_is_refused_and_not_stored(kv, value):
    with pytest.raises(TypeError, match=r"^the state keeps JSON values: "):
        kv.set("n", "k", value)
    assert kv.get("n", "k") is None


def test_values_too_deep_are_refused(kv):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TypeError):
        kv.set("n", "k", deep)
    while deep:  # freed one by one: the collector would recurse
        deep = deep[0]


@pytest.mark.parametrize(
    ("part", "problem"),
    [("a\0b", ValueError), ("\ud800", ValueError), (b"a", TypeError), (None, TypeError), (1, TypeError)],
)
def test_keys_namespaces_and_prefixes_are_clean_text(kv, part, problem):
    for use in (
        lambda: kv.get(part, "k"),
        lambda: kv.get("n", part),
        lambda: kv.set("n", part, 1),
        lambda: kv.list("n", part),
    ):
        with pytest.raises(problem, match=r"^the state's keys are text"):
            use()


def test_namespaces_never_meet(kv):
    pairs = [
        ("a", "b:c"),
        ("a:b", "c"),
        ("", "1:a:b"),
        ("1:a", "b"),
        ("a%", "x"),
        ("a_", "x"),
        ("", ""),
        ("3", "3:a"),
        ("33", ":a"),
        ("a", "1:a:"),
    ]
    for number, (namespace, key) in enumerate(pairs):
        kv.set(namespace, key, number, version=0)
    for number, (namespace, key) in enumerate(pairs):
        assert kv.get(namespace, key).value == number
        assert [key for key, _ in kv.list(namespace)] == sorted(other for same, other in pairs if same == namespace)


def test_compare_and_set(kv):
    assert kv.set("n", "k", "one", version=0) == 1
    with pytest.raises(Conflict) as caught:
        kv.set("n", "k", "two", version=0)
    assert (
        str(caught.value)
        == "error[D506]: n: k: expected no entry in the state, found version 1\n   = help: another run changed it in between: run again"
    )
    assert kv.set("n", "k", "two", version=1) == 2
    with pytest.raises(Conflict, match="expected version 1 in the state, found version 2"):
        kv.delete("n", "k", version=1)
    with pytest.raises(Conflict, match="expected version 3 in the state, found no entry"):
        kv.set("n", "absent", 1, version=3)
    assert kv.delete("n", "k", version=2)
    assert not kv.delete("n", "k", version=0)
    assert isinstance(caught.value, StoreError)


def test_a_key_made_again_does_not_fit_an_old_version(kv):
    old = kv.set("n", "k", "first")
    kv.delete("n", "k")
    assert kv.set("n", "k", "second") > old
    with pytest.raises(Conflict):
        kv.set("n", "k", "stale", version=old)
    assert kv.get("n", "k").value == "second"
    kv.set("n", "low", 1)
    highest = [kv.set("n", "k", number) for number in range(9)][-1]
    assert kv.delete("n", "k")
    assert kv.delete("n", "low")
    assert kv.set("n", "k", "third") > highest


def test_incr(kv):
    assert [kv.incr("n", "k"), kv.incr("n", "k", 5), kv.incr("n", "k", -10), kv.incr("n", "k", 2**70)] == [
        1,
        6,
        -4,
        2**70 - 4,
    ]
    kv.set("n", "text", "7")
    kv.set("n", "bool", True)
    for key in ("text", "bool"):
        with pytest.raises(TypeError) as caught:
            kv.incr("n", key)
        assert str(caught.value) == f"n: {key}: only an integer can be counted up, by an integer"


@same_store
@given(keys=st.sets(texts, max_size=12), prefix=texts)
def test_list_by_prefix_is_what_a_dict_would_give(kv, keys, prefix):
    for key, _ in list(kv.list("n")):
        kv.delete("n", key)
    with kv.transaction() as tx:
        for key in keys:
            tx.set("n", key, key)
            tx.set("m", key, "of a neighbour")
    expected = sorted(key for key in keys if key.startswith(prefix))
    assert [(key, entry.value) for key, entry in kv.list("n", prefix)] == [(key, key) for key in expected]


@given(st.text(st.sampled_from(HARD), max_size=4), st.text(st.sampled_from(HARD), max_size=4))
def test_the_upper_bound_is_tight(start, other):
    start = f":{start}"
    assert (start <= other < after(start)) == other.startswith(start)
    assert after(start).encode() > start.encode()
    assert start + "\U0010ffff" * 5 < after(start)


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
def test_list_pages(kv, count):
    with kv.transaction() as tx:
        for number in range(count):
            tx.set("n", f"{number:05}", number)
    assert [entry.value for _, entry in kv.list("n")] == list(range(count))


def test_list_holds_nothing_between_pages(kv, opens):
    with kv.transaction() as tx:
        for number in range(2 * PAGE + 10):
            tx.set("n", f"{number:05}", number)
    rows = kv.list("n")
    seen = [next(rows)[0] for _ in range(PAGE)]
    with opens() as other:  # a page later: the entry that ended the page is gone, one behind it is new
        other.delete("n", seen[-1])
        other.set("n", f"{PAGE:05}x", "new")
        other.set("n", seen[-1] + "\x01", "the next that there can be")
    rest = [key for key, _ in rows]
    assert rest == sorted(
        [*(f"{number:05}" for number in range(PAGE, 2 * PAGE + 10)), f"{PAGE:05}x", seen[-1] + "\x01"]
    )


def test_a_transaction_sees_its_own_writes_and_nobody_else_does(kv, opens):
    with opens() as other, kv.transaction() as tx:
        tx.set("n", "a", 1)
        tx.incr("n", "count")
        assert tx.get("n", "a") == Entry(1, 1)
        assert tx.has("n", "a")
        assert [key for key, _ in tx.list("n")] == ["a", "count"]
        assert list(other.list("n")) == []
    assert kv.get("n", "count").value == 1


@pytest.mark.parametrize("problem", [ZeroDivisionError, KeyboardInterrupt, SystemExit, sqlite3.OperationalError])
def test_an_exception_takes_everything_back_and_comes_out_as_it_is(kv, problem):
    kv.set("n", "kept", 1)

    def fails():
        with kv.transaction() as tx:
            tx.set("n", "kept", 2)
            tx.set("n", "new", 2)
            tx.delete("n", "kept")
            raise problem

    with pytest.raises(problem):
        fails()
    assert list(kv.list("n")) == [("kept", Entry(1, 1))]
    with kv.transaction() as tx:  # and the next one works
        tx.set("n", "new", 3)
    assert kv.get("n", "new").value == 3


def test_a_conflict_takes_everything_back(kv):
    def conflicts():
        with kv.transaction() as tx:
            tx.set("n", "a", 1)
            tx.set("n", "b", 1, version=7)

    with pytest.raises(Conflict):
        conflicts()
    assert not kv.has("n", "a")


def test_transactions_do_not_nest_and_end_with_their_block(kv):
    with kv.transaction() as tx:
        tx.set("n", "a", 1)
        for use in (
            lambda: kv.set("n", "b", 1),
            lambda: kv.incr("n", "c"),
            lambda: kv.transaction().__enter__(),
        ):
            with pytest.raises(RuntimeError, match="transactions do not nest"):
                use()
        rows = tx.list("n")
    for use in (lambda: tx.get("n", "a"), lambda: tx.set("n", "a", 2), lambda: list(rows)):
        with pytest.raises(RuntimeError, match="inside its own block"):
            use()
    assert [(key, entry.value) for key, entry in kv.list("n")] == [("a", 1)]


def test_a_transaction_stays_in_its_thread(kv):
    problems = []

    def use(tx):
        try:
            tx.set("n", "a", 1)
        except RuntimeError as error:
            problems.append(str(error))

    with kv.transaction() as tx:
        thread = threading.Thread(target=use, args=(tx,))
        thread.start()
        thread.join()
    assert problems == ["a transaction is used in its own thread and inside its own block"]


def test_a_killed_transaction_leaves_nothing(kv, opens, child):
    kv.set("n", "kept", "before")
    script = """
with KV.open(sys.argv[1]) as kv, kv.transaction() as tx:
    tx.set("n", "kept", "after")
    for number in range(2000):
        tx.set("n", str(number), "x" * 1000)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert child(script, kv.folder).wait() == -signal.SIGKILL
    assert list(kv.list("n")) == [("kept", Entry("before", 1))]
    assert kv.set("n", "kept", "next") == 2  # at once: the dead hold no lock
    with opens() as other:
        assert other.get("n", "kept").value == "next"


def test_what_a_killed_process_committed_stays(kv, child):
    script = """
kv = KV.open(sys.argv[1])
for number in range(20):
    kv.set("n", f"{number:03}", number)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert child(script, kv.folder).wait() == -signal.SIGKILL
    assert [entry.value for _, entry in kv.list("n")] == list(range(20))


def test_eight_processes_count_exactly(kv, child):
    script = """
with KV.open(sys.argv[1]) as kv:
    for _ in range(60):
        kv.incr("n", "count")
"""
    processes = [child(script, kv.folder) for _ in range(8)]
    assert [process.communicate() and process.returncode for process in processes] == [0] * 8
    assert kv.get("n", "count") == Entry(480, 480)


def test_threads_count_exactly(kv):
    def count():
        for _ in range(50):
            kv.incr("n", "count")

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kv.get("n", "count").value == 300


def test_a_closed_store_is_not_used(opens):
    kv = opens()
    kv.close()
    for use in (lambda: kv.get("n", "k"), lambda: kv.set("n", "k", 1), lambda: list(kv.list("n"))):
        with pytest.raises(RuntimeError, match=r"^the state store is closed$"):
            use()


class Model(RuleBasedStateMachine):
    """Any sequence of operations gives what a dict gives; versions only rise."""

    keys = st.sampled_from(["", "a", "ab", "b%", "\U0010ffff", "é"])

    @initialize(backend=st.sampled_from(sorted(BACKENDS)))
    def begin(self, backend):
        self.folder = tempfile.TemporaryDirectory()
        self.open = lambda: BACKENDS[backend](self.folder.name + "/state")
        self.kv, self.model, self.highest = self.open(), {}, {}

    def write(self, store, model, key, value):
        version = store.set("n", key, value, version=model[key].version if key in model else 0)
        assert version > self.highest.get(key, 0)
        self.highest[key] = version
        model[key] = Entry(value, version)

    @rule(key=keys, value=values)
    def set(self, key, value):
        self.write(self.kv, self.model, key, value)

    @rule(key=keys)
    def delete(self, key):
        assert self.kv.delete("n", key) == (self.model.pop(key, None) is not None)

    @rule(key=keys, version=st.integers(0, 4))
    def conflict(self, key, version):
        if version != (self.model[key].version if key in self.model else 0):
            with pytest.raises(Conflict):
                self.kv.set("n", key, "never", version=version)

    @rule(by=st.integers())
    def incr(self, by):
        found = self.model.get("count")
        total = self.kv.incr("n", "count", by)
        assert total == (found.value if found else 0) + by
        self.model["count"] = self.kv.get("n", "count")

    @rule(changes=st.dictionaries(keys, st.none() | st.integers()), fails=st.booleans())
    def transaction(self, changes, fails):
        trial, highest = dict(self.model), dict(self.highest)
        with suppress(ZeroDivisionError), self.kv.transaction() as tx:
            for key, value in changes.items():
                if value is None:
                    assert tx.delete("n", key) == (trial.pop(key, None) is not None)
                else:
                    self.write(tx, trial, key, value)
            assert dict(tx.list("n")) == trial
            if fails:
                raise ZeroDivisionError
        if fails:
            self.highest = highest
        else:
            self.model = trial

    @rule()
    def reopen(self):
        self.kv.close()
        self.kv = self.open()

    @invariant()
    def equal(self):
        if hasattr(self, "kv"):
            assert list(self.kv.list("n")) == sorted(self.model.items())

    def teardown(self):
        if hasattr(self, "kv"):
            self.kv.close()
            self.folder.cleanup()


Model.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
test_any_sequence = Model.TestCase
