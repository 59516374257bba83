"""What the observer keeps of calls, one after another: each is looked at as often as it has to be."""

from __future__ import annotations

import gc
import importlib.util
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import process_time
from types import FrameType, ModuleType
from typing import Any

import pytest
import torch

from typed_einsum.testing.observe import holding, store, waiting
from typed_einsum.testing.observe.budget import Budget
from typed_einsum.testing.observe.earlier import Earlier
from typed_einsum.testing.observe.garbage import CollectedOnce, collected_rarely
from typed_einsum.testing.observe.observation import AUDITS, LONGER, Observation
from typed_einsum.testing.observe.observer import Observer
from typed_einsum.testing.observe.probes import OFF
from typed_einsum.testing.observe.records import (
    BARE,
    DROPPED,
    LATE,
    NO_TIME,
    Function,
    Observations,
    Pattern,
)
from typed_einsum.testing.observe.seen import LOOKS, Begun, Ended, Seen
from typed_einsum.testing.observe.sources import sources
from typed_einsum.testing.observe.unannotated import Looked
from typed_einsum.testing.observe.verdicts import Verdicts
from typed_einsum.testing.observe.waiting import Waiting
from typed_einsum.testing.pytest.observation import lines
from typed_einsum.testing.running import alarm as alarms
from typed_einsum.testing.running.alarm import alarm
from typed_einsum.testing.running.limits import OutOfTime, limited, one_call

OPS = """\
import pytest
from jaxtyping import Float
from torch import Tensor


def scores(q: Float[Tensor, "q d"], k: Float[Tensor, "k d"]) -> Float[Tensor, "q k"]:
    return q[:, :1] @ k[:, :1].mT


def clamp(i: int) -> int:
    return max(i, 0)


def positive(x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    if x.sum() < 0:
        raise ValueError("negative")
    return x


def skipping(x: Float[Tensor, "t c"]) -> Float[Tensor, "t c"]:
    if x.shape[0] != 5:
        pytest.skip("other sizes")
    return x
"""


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[ModuleType]:
    file = tmp_path / "ops_seen.py"
    file.write_text(OPS)
    spec = importlib.util.spec_from_file_location("ops_seen", file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["ops_seen"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["ops_seen"]


def new_observer(root: Path, grace: float = 60.0) -> Observer:
    return Observer(root, False, Budget(0.3, grace), Earlier(root / store.FOLDER, root))


def call(observer: Observer, function: Callable[..., Any], *args: Any) -> list[Any]:
    """Call a function as a probe would see it; what the observer answers."""
    answers: list[Any] = []

    def see(frame: FrameType, event: str, value: Any) -> None:
        if frame.f_code is not function.__code__:
            return
        if event == "call":
            answers.append(observer.begun(frame.f_code, frame))
        elif event == "return" and isinstance(answers[-1], Begun):
            answers[-1].returned(value)

    sys.setprofile(see)
    try:
        function(*args)
    finally:
        sys.setprofile(None)
    return answers


def run(root: Path, function: Callable[..., Any], *args: Any) -> tuple[Pattern, bool]:
    """One run with one call: what is said of it, and whether it was judged anew."""
    folder = store.begin(root)
    observer = new_observer(root)
    call(observer, function, *args)
    observer.settle()
    functions = tuple(observer.functions())
    files = {each.file for each in functions}
    store.write(folder, Observations(functions, {}, store.digests(files, root)), "one")
    return functions[0].patterns[0], observer._lazy is not None


RIGHT = torch.ones(3, 5), torch.ones(4, 5)
WRONG = torch.ones(3, 5), torch.ones(4, 6)


def test_a_wrong_call_is_found_although_an_earlier_run_has_judged_a_right_one(
    tmp_path: Path, ops: ModuleType
) -> None:
    assert run(tmp_path, ops.scores, *RIGHT)[0].extent == "all sizes"
    assert [each.code for each in run(tmp_path, ops.scores, *WRONG)[0].findings] == ["TE201"]


def test_a_wrong_call_is_forgotten_once_its_caller_is_right(tmp_path: Path, ops: ModuleType) -> None:
    assert run(tmp_path, ops.scores, *WRONG)[0].findings
    found, _ = run(tmp_path, ops.scores, *RIGHT)
    assert (found.extent, found.findings) == ("all sizes", ())


def run_by(root: Path, caller: str, function: Callable[..., Any], *args: Any) -> Pattern:
    """One run with one call, made by a test with this text: what is said of the call."""
    (root / "test_ops.py").write_text(caller)
    found, _ = run(root, function, *args)
    file = root / store.FOLDER / "one.json"
    data = json.loads(file.read_text())
    file.write_text(json.dumps({**data, "callers": store.digests(["test_ops.py"], root)}))
    return found


@pytest.fixture
def is_held(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Grows with each call that is compared with its annotations."""
    calls: list[bool] = []
    held = holding.held
    monkeypatch.setattr(holding, "held", lambda *args: calls.append(True) or held(*args))  # type: ignore[func-returns-value]
    return calls


def test_the_same_call_by_unchanged_tests_is_not_compared_again(
    tmp_path: Path, ops: ModuleType, is_held: list[bool]
) -> None:
    first = run_by(tmp_path, "", ops.scores, *RIGHT)
    assert len(is_held) == 1
    again = run_by(tmp_path, "", ops.scores, *RIGHT)
    assert len(is_held) == 1
    assert replace(again, key="") == replace(first, key="")


def test_a_call_with_other_shapes_is_compared_although_tests_are_unchanged(
    tmp_path: Path, ops: ModuleType
) -> None:
    run_by(tmp_path, "", ops.scores, *RIGHT)
    assert [each.code for each in run_by(tmp_path, "", ops.scores, *WRONG).findings] == ["TE201"]


def test_a_call_is_compared_where_a_test_has_changed(
    tmp_path: Path, ops: ModuleType, is_held: list[bool]
) -> None:
    run_by(tmp_path, "", ops.scores, *RIGHT)
    run_by(tmp_path, "x = 1\n", ops.scores, *RIGHT)
    assert len(is_held) == 2


def test_a_call_is_compared_where_no_test_is_known(
    tmp_path: Path, ops: ModuleType, is_held: list[bool]
) -> None:
    run(tmp_path, ops.scores, *RIGHT)
    run(tmp_path, ops.scores, *RIGHT)
    assert len(is_held) == 2


@pytest.mark.parametrize(("seconds", "is_final"), [("0.538716", False), ("2.75", True), ("3", True)])
def test_a_call_that_was_tried_for_a_second_is_not_tried_again(seconds: str, is_final: bool) -> None:
    text = f"all calls together ran for more than {seconds} seconds"
    assert store._is_final(Pattern({}, ended="returned", text=text)) is is_final


def test_what_has_not_changed_is_not_judged_again(tmp_path: Path, ops: ModuleType) -> None:
    first, _ = run(tmp_path, ops.scores, *RIGHT)
    again, is_judged = run(tmp_path, ops.scores, *RIGHT)
    assert (again.text, is_judged) == (first.text, False)


@pytest.mark.parametrize("name", ["torch", "typed_einsum", "python"])
def test_another_version_judges_again(tmp_path: Path, ops: ModuleType, name: str) -> None:
    run(tmp_path, ops.scores, *RIGHT)
    file = tmp_path / store.FOLDER / "one.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), name: "0.1"}))
    assert run(tmp_path, ops.scores, *RIGHT)[1]


def test_a_change_of_any_file_judges_again(tmp_path: Path, ops: ModuleType) -> None:
    """A function may depend on a number of another file, which says nothing of where it is from."""
    folder, config = store.begin(tmp_path), tmp_path / "config.py"
    config.write_text("HEADS = 2\n")
    run(tmp_path, ops.scores, *RIGHT)
    found = store.read(folder)
    digests = {**found.digests, **store.digests({"config.py"}, tmp_path)}
    store.write(folder, Observations(found.functions, {}, digests), "one")
    store.begin(tmp_path)
    assert store.earlier(folder).functions
    config.write_text("HEADS = 3\n")
    assert store.earlier(folder) == Observations()


def test_a_function_without_tensors_is_soon_left_alone(tmp_path: Path, ops: ModuleType) -> None:
    observer = new_observer(tmp_path)
    answers = [call(observer, ops.clamp, number)[0] for number in range(LOOKS + 3)]
    assert answers[-1] is OFF


def test_a_call_outside_the_main_thread_leaves_it_to_a_later_one(tmp_path: Path, ops: ModuleType) -> None:
    observer = new_observer(tmp_path)
    thread = threading.Thread(target=call, args=(observer, ops.scores, *RIGHT))
    thread.start()
    thread.join()
    (function,) = observer.functions()
    assert function.patterns[0].text == "it was called outside the main thread"
    call(observer, ops.scores, *RIGHT)
    (function,) = observer.functions()
    assert function.patterns[0].extent == "all sizes"


def test_a_later_call_that_raises_hides_none_that_has_returned(tmp_path: Path, ops: ModuleType) -> None:
    observer = new_observer(tmp_path)
    thread = threading.Thread(target=call, args=(observer, ops.positive, torch.ones(3)))
    thread.start()
    thread.join()
    with pytest.raises(ValueError, match="negative"):
        call(observer, ops.positive, -torch.ones(3))
    (function,) = observer.functions()
    assert function.patterns[0].ended == "returned"


def test_a_judged_call_that_waits_to_be_followed_keeps_its_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(test_a_function_without_tensors_is_soon_left_alone.__code__, "ops", annotated=True)
    seen.patterns["t c"] = Pattern({}, extent="all sizes", text="for all sizes with t % 2 == 0")
    verdicts = Verdicts(tmp_path, Budget(0.0, -1.0), {}, {})
    verdicts.take(seen, "t c", {}, None)
    monkeypatch.setattr(Waiting, "too_many", lambda calls, _: iter(list(calls.calls.values())))
    verdicts.settle()
    assert getattr(seen.patterns["t c"], "text", None) == "for all sizes with t % 2 == 0"
    assert not seen.owed


def test_a_call_for_which_there_is_no_time_is_owed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(test_a_function_without_tensors_is_soon_left_alone.__code__, "ops", annotated=True)
    seen.patterns["t c"] = Pattern({}, text="")
    verdicts = Verdicts(tmp_path, Budget(0.0, -1.0), {}, {})
    verdicts.take(seen, "t c", {}, object())  # type: ignore[arg-type]
    monkeypatch.setattr(Waiting, "too_many", lambda calls, _: iter(list(calls.calls.values())))
    verdicts.settle()
    assert getattr(seen.patterns["t c"], "text", None) == NO_TIME
    assert seen.owed == {"t c"}


def test_time_is_kept_for_functions_that_are_yet_to_be_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Seen(test_a_function_without_tensors_is_soon_left_alone.__code__, "ops", annotated=True, judged=1)
    fresh = Seen(test_what_has_not_changed_is_not_judged_again.__code__, "ops", annotated=True)
    plain = Seen(test_another_version_judges_again.__code__, "ops")
    verdicts = Verdicts(tmp_path, Budget(0.0, 1.0), {}, {})
    looked: list[Seen] = []
    monkeypatch.setattr(Verdicts, "_judge", lambda verdicts, ended, share: looked.append(ended.seen))
    monkeypatch.setattr(Verdicts, "_follow", lambda verdicts, ended: looked.append(ended.seen))

    def settled(spent: float, *, is_last: bool = False) -> list[Seen]:
        looked.clear()
        verdicts.budget._taken = spent
        verdicts.settle(is_last=is_last)
        return list(looked)

    for seen in (plain, known, fresh):
        verdicts.take(seen, "t c", {}, None if seen is plain else object())  # type: ignore[arg-type]
    assert settled(0.6) == [fresh]
    assert settled(0.4) == [known, plain]
    verdicts._followed.signatures[plain.place] = []
    verdicts.take(plain, "t c", {}, None)
    assert settled(0.4) == []
    assert settled(0.2) == [plain]
    verdicts.take(plain, "t c", {}, None)
    assert settled(0.6, is_last=True) == [plain]


def test_where_the_share_is_spent_functions_of_which_nothing_is_known_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Seen(test_a_function_without_tensors_is_soon_left_alone.__code__, "ops", annotated=True, judged=1)
    fresh = Seen(test_what_has_not_changed_is_not_judged_again.__code__, "ops", annotated=True)
    plain = Seen(test_another_version_judges_again.__code__, "ops")
    verdicts = Verdicts(tmp_path, Budget(0.0, 0.0, at_first=1.0), {}, {})
    looked: list[Seen] = []
    monkeypatch.setattr(Verdicts, "_judge", lambda verdicts, ended, share: looked.append(ended.seen))
    monkeypatch.setattr(Verdicts, "_follow", lambda verdicts, ended: looked.append(ended.seen))
    for seen in (plain, known, fresh):
        verdicts.take(seen, "t c", {}, None if seen is plain else object())  # type: ignore[arg-type]
    verdicts.settle()
    assert looked == [fresh]
    verdicts.settle(is_last=True)
    assert looked == [fresh, plain]


def long_judgements(monkeypatch: pytest.MonkeyPatch, ends_at: int) -> tuple[Seen, list[float]]:
    """A function whose judging takes too long until that attempt, and the seconds that each is allowed."""
    seen = Seen(test_a_function_without_tensors_is_soon_left_alone.__code__, "ops", annotated=True)
    seen.patterns["t c"] = Pattern({}, ended="returned")
    allowed: list[float] = []

    def judged_call(call: object, told: Pattern, root: Path, limit: float, most: float, **_: bool) -> Pattern:
        allowed.append(most)
        text = "" if len(allowed) == ends_at else "all calls together ran for more than 1 second"
        return replace(told, extent="not judged" if text else "all sizes", text=text)

    monkeypatch.setattr("typed_einsum.testing.observe.verdicts.judging.judged_call", judged_call)
    return seen, allowed


def test_a_judgement_that_takes_long_is_taken_up_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, allowed = long_judgements(monkeypatch, ends_at=2)
    verdicts = Verdicts(tmp_path, Budget(0.0, 60.0), {seen.place: {}}, {})
    verdicts.take(seen, "t c", {}, object())  # type: ignore[arg-type]
    verdicts.settle()
    assert Observations((_function_of(seen),)).left == 1
    verdicts.settle(is_last=True)
    assert allowed[0] < 10 < allowed[1]
    assert Observations((_function_of(seen),)).left == 0


def test_calls_that_take_long_are_kept_only_as_far_as_memory_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, allowed = long_judgements(monkeypatch, ends_at=2)
    monkeypatch.setattr(waiting, "MOST_NUMBERS", 10)
    verdicts = Verdicts(tmp_path, Budget(0.0, 60.0), {seen.place: {}}, {})
    verdicts.take(seen, "t c", {"x": torch.zeros(3, 5)}, object())  # type: ignore[arg-type]
    verdicts.settle()
    verdicts.settle(is_last=True)
    assert len(allowed) == 1
    assert Observations((_function_of(seen),)).left == 1


def _function_of(seen: Seen) -> Function:
    patterns = tuple(each for each in seen.patterns.values() if each is not None)
    return Function("ops.py", 1, "f", annotated=True, patterns=patterns)


def test_what_is_left_for_the_next_run_is_told() -> None:
    left = Function("ops.py", 1, "f", annotated=True, patterns=(Pattern({}, text=NO_TIME),))
    told = "  1 left to judge in the next run; TYPED_EINSUM_GRACE=60 gives judging 60 seconds more now"
    assert told in lines(Observations((left,)))
    assert len([*lines(Observations((replace(left, annotated=False),)))]) == 1


def test_functions_are_looked_at_less_the_more_often_nothing_was_new() -> None:
    seen = Seen(test_a_function_without_tensors_is_soon_left_alone.__code__, "ops")
    looks = []
    for _ in range(4):
        seen.looks = 0
        seen.look_again()
        looks.append(seen.looks)
    assert looks == [3, 1, 1, 1]


def test_garbage_is_collected_rarely_while_a_call_is_looked_at() -> None:
    usual = gc.get_threshold()
    with collected_rarely():
        assert gc.get_threshold() > usual
    assert gc.get_threshold() == usual


def test_what_the_program_sets_while_a_call_is_looked_at_stays() -> None:
    usual = gc.get_threshold()
    try:
        with collected_rarely():
            gc.set_threshold(321)
        assert gc.get_threshold()[0] == 321
    finally:
        gc.set_threshold(*usual)


def test_blocks_of_two_threads_leave_what_was_usual() -> None:
    """The second begins within the first and ends after it."""
    usual = gc.get_threshold()
    first, second = collected_rarely(), collected_rarely()
    for block in (first, second):
        block.__enter__()
    for block in (first, second):
        block.__exit__(None, None, None)
    assert gc.get_threshold() == usual


def test_garbage_is_collected_before_none_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for name in ("collect", "freeze", "unfreeze"):
        monkeypatch.setattr(gc, name, partial(done.append, name))
    garbage = CollectedOnce()
    garbage.over()
    garbage.now()
    garbage.over()
    assert done == ["collect", "freeze", "unfreeze"]


def test_what_a_program_has_frozen_stays_so() -> None:
    gc.freeze()
    try:
        garbage = CollectedOnce()
        garbage.now()
        garbage.over()
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()


def test_a_program_that_collects_no_garbage_goes_on_so() -> None:
    usual = gc.get_threshold()
    gc.set_threshold(0)
    try:
        with collected_rarely():
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*usual)


def test_a_call_of_a_function_that_was_not_followed_comes_before_others() -> None:
    known = Seen(test_a_function_without_tensors_is_soon_left_alone.__code__, "ops")
    fresh = Seen(test_what_has_not_changed_is_not_judged_again.__code__, "ops")
    waiting = Waiting()
    for seen in (fresh, known):
        waiting.add(Ended(seen, "t c", {}, None))
    found = waiting.next({known.place}, follows=True, again=True)
    assert found is not None
    assert found.seen is fresh
    outermost = waiting.next({}, follows=True, again=True)
    assert outermost is not None
    assert outermost.seen is known


def test_calls_of_functions_that_were_followed_are_let_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Seen(test_a_function_without_tensors_is_soon_left_alone.__code__, "ops")
    fresh = Seen(test_what_has_not_changed_is_not_judged_again.__code__, "ops")
    waiting = Waiting()
    for seen in (fresh, known):
        waiting.add(Ended(seen, "t c", {}, None))
    monkeypatch.setattr("typed_einsum.testing.observe.waiting.MOST_WAITING", 1)
    gone = []
    for each in waiting.too_many({known.place}):
        waiting.remove(each)
        gone.append(each.seen)
    assert gone == [known]


@pytest.mark.parametrize("is_last", [True, False])
def test_a_call_that_was_not_followed_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_last: bool
) -> None:
    seen = Seen(test_a_function_without_tensors_is_soon_left_alone.__code__, "ops")
    seen.patterns["t c"] = Pattern({}, text=BARE)
    verdicts = Verdicts(tmp_path, Budget(0.0, -1.0), {}, {})
    verdicts.take(seen, "t c", {}, None)
    if not is_last:
        monkeypatch.setattr(Waiting, "too_many", lambda calls, _: iter(list(calls.calls.values())))
    verdicts.settle(is_last=is_last)
    assert getattr(seen.patterns["t c"], "text", None) == (LATE if is_last else DROPPED)


@pytest.mark.parametrize(("said", "audits"), [("", True), ("on", True), ("off", False)])
def test_calls_are_followed_for_their_shapes_alone_where_the_environment_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, audits: bool
) -> None:
    monkeypatch.setenv(AUDITS, said)
    asked: list[bool] = []

    def looked_at(*_: Any, audit: bool) -> Looked:
        asked.append(audit)
        return Looked()

    monkeypatch.setattr("typed_einsum.testing.observe.verdicts.unannotated.looked_at", looked_at)
    seen = Seen(test_a_function_without_tensors_is_soon_left_alone.__code__, "ops", function=print)
    seen.patterns["t c"] = Pattern({}, text=BARE)
    verdicts = Verdicts(tmp_path, Budget(0.0, 60.0), {}, {})
    verdicts.take(seen, "t c", {}, None)
    verdicts.settle()
    assert asked == [audits]


def test_all_calls_of_a_judgement_together_take_no_more_than_they_may() -> None:
    def work() -> None:
        for _ in range(20):
            with one_call():
                begun = process_time()
                while process_time() - begun < 0.03:
                    pass

    with pytest.raises(OutOfTime) as caught, limited(60.0, most=0.1):
        work()
    assert str(caught.value) == "all calls together ran for more than 0.1 seconds"


def test_a_function_that_skips_a_test_skips_none_by_being_judged(tmp_path: Path, ops: ModuleType) -> None:
    found, _ = run(tmp_path, ops.skipping, torch.ones(5, 3))
    assert (found.ended, found.text) == ("returned", "judging it raised Skipped: other sizes")


def test_an_error_of_ours_is_kept_out_of_the_program(
    tmp_path: Path, ops: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = new_observer(tmp_path, grace=-1e9)
    call(observer, ops.scores, *RIGHT)
    monkeypatch.setattr(observer, "_budget", Budget(0.3, 60.0))
    monkeypatch.setattr(Verdicts, "settle", lambda verdicts: 1 / 0)
    observer.settle()


@pytest.mark.parametrize("text", ["abc", "-1", "nan"])
def test_a_grace_that_is_no_number_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(LONGER, text)
    with pytest.raises(RuntimeError) as caught:
        Observation(sources([], tmp_path), tmp_path)
    said = f"TYPED_EINSUM_GRACE: expected a number of seconds, such as 60, got {text!r}"
    assert str(caught.value) == said


def test_a_signal_noted_at_the_end_of_a_block_sets_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer is stopped, and then a signal that was noted before is taken."""
    rings: list[Any] = []
    real = signal.setitimer

    def setitimer(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        before = real(which, seconds, interval)
        if seconds == 0:
            handler: Any = signal.getsignal(signal.SIGALRM)
            rings.append(handler)
            handler(signal.SIGALRM, sys._getframe())
        return before

    before = signal.getsignal(signal.SIGALRM)
    monkeypatch.setattr(alarms.signal, "setitimer", setitimer)
    for patience in (1.0, 0.0):  # it would wait on, and raise
        with alarm(60.0, TimeoutError(), patience):
            pass
    assert len(rings) == 2
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is before
