"""States that are transactions: when they begin, commit, roll back and reopen, and what a busy store does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import fasm
from fasm import Input, Normal, Rng, TrackedActionCompleted, TransitionError, Verdict
from fasm.errors import StoreBusy, StoreCorrupt, StoreError
from tests.sim.desk import CALM, Job, only, run, run_one

Rows = dict[str, Any]


class Database:
    """Rows with transactions, which checks how it is used and writes everything down."""

    def __init__(self, busy: Callable[[str], StoreError | None] = lambda _: None) -> None:
        self.committed: Rows = {"asked": 0, "waiting": ()}
        self.rows: Rows | None = None
        self.calls: list[str] = []
        self._busy = busy

    def _note(self, call: str) -> None:
        self.calls.append(call)
        error = self._busy(call)
        if error is not None:
            raise error

    async def begin(self) -> None:
        assert self.rows is None, "begun twice"
        self._note("begin")
        self.rows = dict(self.committed)

    async def commit(self) -> None:
        assert self.rows is not None, "nothing to commit"
        self._note("commit")
        self.committed, self.rows = self.rows, None

    async def rollback(self) -> None:
        self.calls.append("rollback")
        self.rows = None

    async def reopen(self) -> None:
        self.calls.append("reopen")
        assert self.rows is None, "what is not committed is gone before it is opened again"

    def get(self, key: str) -> Any:
        assert self.rows is not None, "read outside a transaction"
        return self.rows[key]

    async def put(self, key: str, value: Any) -> None:
        await fasm.checkpoint()
        assert self.rows is not None, "written outside a transaction"
        self.rows[key] = value


class Seen(Database):
    async def snapshot(self) -> Rows:
        return dict(self.committed)


class Clerk:
    """Writes early and refuses late: right, where a rollback takes it all back."""

    async def stf(self, state: Database, event: Input[int, int, str], actions: Any) -> None:
        match event:
            case Normal(number):
                await state.put("asked", state.get("asked") + 1)
                await state.put("waiting", (*state.get("waiting"), state.get("asked")))
                if number == 9:
                    raise TransitionError("nine")
                actions.tracked(state.get("asked"), Job(number))
            case TrackedActionCompleted(id, _):
                await state.put("waiting", tuple(n for n in state.get("waiting") if n != id))

    async def restore(self, state: Database, actions: Any) -> None:
        await fasm.checkpoint()
        for id in state.get("waiting"):
            actions.tracked(id, Job(0))


class ClerkScenario:
    machine: Any = Clerk()

    def __init__(self) -> None:
        self.told = 0
        self.database = self.make()

    def make(self) -> Database:
        return Seen()

    def initial(self, rng: Rng) -> Database:
        return self.database

    @fasm.source
    def ask(self, rng: Rng, state: Database) -> int:
        assert state.get("asked") >= 0  # a source reads inside a transaction
        return rng.randint(1, 9)

    def execute(self, rng: Rng, action: Any) -> str:
        return "done"

    def accepted(self, value: int) -> None:
        self.told += 1

    @fasm.always
    def told_everything(self, state: Database) -> None:
        assert state.get("asked") == self.told

    @fasm.settled
    def nothing_waits(self, state: Database) -> None:
        assert state.get("waiting") == ()


HOSTILE = only(
    crash=0.05,
    crash_commit=0.1,
    cancel=0.1,
    state_error=0.1,
    actions_full=0.1,
    crash_restore=0.3,
    duplicate=0.2,
)


def test_a_right_machine_on_a_transaction_passes_under_all_faults() -> None:
    report, _ = run(ClerkScenario, seeds=30, steps=200, faults=HOSTILE)
    assert report.verdict is Verdict.PASSED
    assert report.laws["atomicity"] > 100
    assert all(report.faults[kind].fired > 50 for kind in ("crash_commit", "cancel", "state_error"))


def test_every_transaction_that_begins_is_committed_or_rolled_back() -> None:
    report, scenario = run_one(ClerkScenario, steps=300, faults=HOSTILE)
    calls = scenario.database.calls
    ends = [call for call in calls if call in ("commit", "rollback")]
    assert calls.count("begin") == len(ends)
    assert calls.count("commit") == report.accepted
    open_now = False
    for call in calls:
        assert open_now == (call in ("commit", "rollback")) or call == "reopen"
        open_now = call == "begin"


def test_a_crash_reopens_and_a_restore_that_is_interrupted_does_so_again() -> None:
    report, scenario = run_one(ClerkScenario, steps=300, faults=only(crash=0.2, crash_restore=0.5))
    restarts = report.faults["crash"].fired + report.faults["crash_restore"].fired
    assert scenario.database.calls.count("reopen") == restarts > 60


def test_without_snapshot_the_laws_about_the_state_are_off_and_the_report_says_so() -> None:
    class Blind(ClerkScenario):
        def make(self) -> Database:
            return Database()

    report, _ = run_one(Blind, steps=200, faults=HOSTILE)
    assert report.laws["atomicity"] == 0
    assert any("without snapshot()" in note for note in report.notes)
    report, _ = run_one(ClerkScenario, steps=200)
    assert not any("snapshot" in note for note in report.notes)


def test_a_commit_that_is_busy_reruns_the_transition_on_fresh_state() -> None:
    class Busy(ClerkScenario):
        runs: Counter[int]

        def make(self) -> Database:
            commits = [0]

            def busy(call: str) -> StoreError | None:
                commits[0] += call == "commit"
                return StoreBusy("locked") if call == "commit" and commits[0] % 6 else None

            return Seen(busy)

    report, scenario = run_one(Busy, steps=200, faults=CALM)
    assert report.verdict is Verdict.PASSED  # five refusals, then the sixth commit is done
    assert report.interrupted == 0
    assert scenario.database.calls.count("commit") == 6 * report.accepted


def test_after_five_reruns_the_transition_is_given_up() -> None:
    class Locked(ClerkScenario):
        def make(self) -> Database:
            return Seen(lambda call: StoreBusy("locked") if call == "commit" else None)

        @fasm.settled
        def nothing_waits(self, state: Database) -> None: ...

    report, scenario = run_one(Locked, steps=100, faults=CALM)
    assert (report.accepted, report.interrupted) == (0, report.inputs["ask"].tried - report.rejected)
    assert scenario.database.calls.count("commit") == 6 * report.interrupted > 300


def test_a_store_error_that_is_not_retryable_is_not_retried() -> None:
    class Corrupt(ClerkScenario):
        def make(self) -> Database:
            return Seen(lambda call: StoreCorrupt("bad page") if call == "commit" else None)

        @fasm.settled
        def nothing_waits(self, state: Database) -> None: ...

    report, scenario = run_one(Corrupt, steps=100, faults=CALM)
    assert report.accepted == 0
    assert scenario.database.calls.count("commit") == report.interrupted > 50


def test_a_store_that_is_busy_when_it_is_only_read_is_read_again() -> None:
    """Laws, sources and restore read through a store that refuses every third transaction."""

    class Flaky(ClerkScenario):
        def make(self) -> Database:
            begins = [0]

            def busy(call: str) -> StoreError | None:
                begins[0] += call == "begin"
                return StoreBusy("locked") if call == "begin" and begins[0] % 3 == 0 else None

            return Seen(busy)

    report, _ = run(Flaky, seeds=10, steps=200, faults=HOSTILE)
    assert report.verdict is Verdict.PASSED
    assert report.interrupted > 100


def test_a_store_that_never_lets_restore_through_is_told_apart_from_the_faults() -> None:
    class Stuck(Clerk):
        async def restore(self, state: Database, actions: Any) -> None:
            raise StoreBusy("locked for good")

    class StuckScenario(ClerkScenario):
        machine = Stuck()

    report, _ = run_one(StuckScenario, steps=50, faults=only(crash=0.5), check=False)
    assert report.failures[0].law == "restore"
    assert "locked for good" in report.failures[0].message


def test_any_other_error_of_the_store_is_a_failure_that_names_the_method() -> None:
    class Broken(ClerkScenario):
        def make(self) -> Database:
            database = Seen()

            async def commit() -> None:
                raise OSError("disk full")

            database.commit = commit  # type: ignore[method-assign]
            return database

    report, _ = run_one(Broken, steps=50, faults=CALM, check=False)
    assert report.failures[0].law == "state:commit"
    assert "disk full" in report.failures[0].message


def test_a_commit_that_fails_and_yet_changes_the_rows_breaks_atomicity() -> None:
    class HalfCommits(ClerkScenario):
        def make(self) -> Database:
            database = Seen()

            async def commit() -> None:
                assert database.rows is not None
                database.committed = dict(database.rows)
                raise StoreBusy("the answer of the commit was lost")

            database.commit = commit  # type: ignore[method-assign]
            return database

    report, _ = run_one(HalfCommits, steps=50, faults=CALM, check=False)
    assert report.failures[0].law == "atomicity"


def test_a_transaction_takes_no_returned_state_but_itself() -> None:
    class Returns(Clerk):
        async def stf(self, state: Any, event: Any, actions: Any) -> Any:
            await super().stf(state, event, actions)
            return state

    class ReturnsScenario(ClerkScenario):
        machine = Returns()

    report, _ = run_one(ReturnsScenario, steps=100)
    assert report.verdict is Verdict.PASSED

    class Other(Clerk):
        async def stf(self, state: Any, event: Any, actions: Any) -> Any:
            return Seen()

    class OtherScenario(ClerkScenario):
        machine = Other()

    report, _ = run_one(OtherScenario, steps=10, faults=CALM, check=False)
    assert report.failures[0].law == "exception"
    assert "stf of Other returned" in report.failures[0].message
