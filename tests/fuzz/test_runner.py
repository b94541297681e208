"""The runner finds a planted fault of each class, counts it, and stores what reproduces it."""

from pathlib import Path

import numpy as np
import pytest

from fuzz.__main__ import main
from fuzz.attempt import Attempt, Propose, hybridmap
from fuzz.execution import Executor
from fuzz.outcome import shape
from fuzz.runner import Campaign, run_attempt

TARGET = "tests.fuzz.fake_program:main"
LIMIT_S = 1.0


def wrong(folder: Path) -> str:
    text = (folder / "out").read_text()
    return "" if text == "right" else f"other text: {text}"


def attempt(verb: str, folder: Path, **keys: bool) -> Attempt:
    return Attempt(f"odd {verb}: details", [hybridmap(verb, outputs=("out",))], lambda: wrong(folder), **keys)


def fake_campaign(*verbs: str) -> Campaign:
    def prepare(_shared: Path, _executor: Executor) -> Propose:
        def propose(source: np.random.Generator, number: int, folder: Path) -> Attempt:
            (folder / "input.txt").write_text(str(source.integers(10**9)))
            return attempt(verbs[number % len(verbs)], folder)

        return propose

    return Campaign("fake", prepare, share=1.0, limit_s=LIMIT_S)


@pytest.fixture(scope="module")
def executor() -> Executor:
    with Executor(TARGET) as executor:
        yield executor


OUTCOMES = {
    "work": ("clean", ""),
    "refuse": ("refused", ""),
    "lie": ("silent", "hybridmap lie: odd lie: other text"),
    "litter": ("silent", "hybridmap litter: refused, but out remains"),
    "crash": ("traceback", "hybridmap crash: ValueError: no such thing as '...'"),
    "silence": ("traceback", "hybridmap silence: exit 1 with no word"),
    "die": ("traceback", "hybridmap die: exit -9 with a flood of words"),
    "sleep": ("hang", "hybridmap sleep: odd sleep"),
}


@pytest.mark.parametrize("verb", OUTCOMES)
def test_every_ending_is_named(tmp_path: Path, executor: Executor, verb: str) -> None:
    executor.run(hybridmap("work"), tmp_path, 60.0)  # warm, so that the time limit counts
    (tmp_path / "out").unlink()
    outcome, _ = run_attempt(attempt(verb, tmp_path), tmp_path, LIMIT_S, executor)
    assert outcome.name == OUTCOMES[verb][0]
    assert outcome.fault == OUTCOMES[verb][1] or verb == "die"


def test_what_must_be_refused_or_must_work_is_held_to_it(tmp_path: Path, executor: Executor) -> None:
    accepted, _ = run_attempt(attempt("work", tmp_path, must_refuse=True), tmp_path, 60.0, executor)
    assert (accepted.name, accepted.fault) == ("silent", "hybridmap work: accepted: odd work")
    (tmp_path / "out").unlink()
    refused, _ = run_attempt(attempt("refuse", tmp_path, must_work=True), tmp_path, 60.0, executor)
    assert refused.name == "unfair"


def test_later_steps_wait_for_earlier_ones(tmp_path: Path, executor: Executor) -> None:
    steps = [hybridmap("refuse"), hybridmap("work")]
    outcome, endings = run_attempt(Attempt("odd", steps), tmp_path, 60.0, executor)
    assert outcome.name == "refused"
    assert len(endings) == 1
    assert not (tmp_path / "out").exists()


def test_faults_are_counted_and_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    campaign = fake_campaign("work", "refuse", "crash", "lie")
    assert main(["--minutes", "0.08", "--out", str(tmp_path)], (campaign,), TARGET) == 1
    printed = capsys.readouterr().out
    assert "x traceback: hybridmap crash: ValueError: no such thing as '...'" in printed
    assert "x silent: hybridmap lie: odd lie: other text" in printed
    assert printed.strip() in (tmp_path / "counts.txt").read_text()
    assert (tmp_path / "fake/2-traceback/input/input.txt").is_file()
    assert "python -m hybridmap.cli crash" in (tmp_path / "fake/2-traceback/command.sh").read_text()
    assert "no such thing as '7'" in (tmp_path / "fake/2-traceback/outcome.txt").read_text()
    assert len(list((tmp_path / "fake").glob("*-silent"))) == 2  # two examples of each fault, not all


def test_no_fault_ends_with_0(tmp_path: Path) -> None:
    assert main(["--minutes", "0.01", "--out", str(tmp_path)], (fake_campaign("work", "refuse"),), TARGET) == 0
    assert not (tmp_path / "fake").exists()


def test_an_attempt_can_be_made_again(tmp_path: Path) -> None:
    inputs = []
    for name in ("first", "second"):
        main(["--attempt", "5", "--seed", "3", "--out", str(tmp_path / name)], (fake_campaign("lie"),), TARGET)
        inputs.append((tmp_path / name / "fake/5-silent/input/input.txt").read_text())
    assert inputs[0] == inputs[1]


def test_too_little_time_leaves_a_campaign_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    campaign = Campaign("fake", fake_campaign("lie").prepare, share=1.0, limit_s=LIMIT_S, minimum_s=60.0)
    assert main(["--minutes", "0.1", "--out", str(tmp_path)], (campaign,), TARGET) == 0
    assert "left out" in capsys.readouterr().err


def test_messages_of_one_kind_have_one_shape() -> None:
    first = "t.csv: row 7 holds 'abc', expected 1.5e3; see /tmp/a/b.txt"
    assert shape(first) == shape("t.csv: row 12 holds 'd', expected 20; see /x/y")
