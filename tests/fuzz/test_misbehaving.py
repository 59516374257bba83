"""Files that hang, crash or interfere: the command reports each, continues, and leaves no process running."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from typed_einsum.cli.formats import FORMATS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

WRONG = """
from jaxtyping import Float
from torch import Tensor
from typed_einsum import shape_checked

@shape_checked
def wrong(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
    return x
"""

LOCKED = "running.lock"
STAYS = f"""
import fcntl, os, time
if os.fork() == 0:
    fcntl.flock(os.open({LOCKED!r}, os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
    open("stays.now", "w").close()
    time.sleep(1000)
while not os.path.exists("stays.now"):
    time.sleep(0.01)
"""
"""Starts a process that would run on, and holds a lock as long as it does."""

WRITES = """
import os
for number in range(3, 30):
    try:
        os.write(number, {!r})
    except OSError:
        pass
"""
"""Writes to everything that is open, also to what the worker answers on."""

TE201 = "TE201 axis `c` is 13 in `x` but 11 in the result (in wrong)"
FILES = {
    "closes_and_hangs.py": ("import os\nos.closerange(3, 99)\nwhile True: pass", "TE702 importing the file "),
    "crashes.py": ("import ctypes\nctypes.string_at(0)", "TE702 importing the file was killed by SIGSEGV"),
    "deletes_itself.py": ("import os\nos.unlink(__file__)" + WRONG, TE201),
    "exits_well.py": ("import os\nos._exit(0)", "TE702 importing the file exited with status 0"),
    "exits_in_a_call.py": (
        WRONG.replace("return x", "import os; os._exit(0)"),
        "TE702 the call exited with status 0 (in wrong)",
    ),
    "forks.py": ("import os\nos.fork()" + WRONG, TE201),
    "hangs.py": ("while True: pass", "TE702 importing the file ran for more than 10 seconds"),
    "is_deep.py": ("x = " + "(" * 5000, "could not run: SyntaxError: "),
    "leaves_a_process.py": (STAYS + "os._exit(3)", "TE702 importing the file exited with status 3"),
    "raises.py": ("raise SystemError('no')", "could not run: SystemError: no"),
    "recurses.py": ("def f(): f()\nf()", "could not run: RecursionError: "),
    "recurses_in_a_call.py": (WRONG.replace("return x", "return wrong(x)"), "RecursionError"),
    "starts_threads.py": (
        "import atexit, threading, time\natexit.register(time.sleep, 1000)\n"
        "threading.Thread(target=time.sleep, args=(1000,)).start()" + WRONG,
        TE201,
    ),
    "writes_binary.py": (WRITES.format(bytes(range(256))) + WRONG, TE201),
    "writes_json.py": (WRITES.format(b'{}\n[]\n3\n"event"\n' + b"[" * 9999 + b"\n{") + WRONG, TE201),
    "z_is_last.py": (WRONG, TE201),
}
"""Each file with what is to be said of it."""

COMMAND = [sys.executable, "-P", "-m", "typed_einsum.cli", "check", "--time-limit", "10"]


def is_held(lock: Path) -> bool:
    """Whether a process holds the lock, as long as it lives."""
    with lock.open("a") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def is_let_go(lock: Path) -> bool:
    """Whether the lock is free, or soon will be: a process that is killed takes a moment to end."""
    ends = monotonic() + 30
    while is_held(lock) and monotonic() < ends:
        sleep(0.05)
    return not is_held(lock)


@pytest.mark.thorough
def test_each_file_is_reported_and_the_run_goes_on(tmp_path: Path) -> None:
    for name, (content, _) in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    report = subprocess.run([*COMMAND, "."], cwd=tmp_path, capture_output=True, text=True, timeout=500)
    said = (report.stdout + report.stderr).splitlines()
    for name, (_, expected) in FILES.items():
        (line,) = (line for line in said if line.startswith(f"{name}:"))
        assert expected in line, line
    unable = sum("could not run" in expected for _, expected in FILES.values())
    assert f"0 ok, {len(FILES) - unable} findings, 0 skipped, {unable} could not run" in said
    assert len(said) == len(FILES) + 1
    assert report.returncode == 2
    assert (tmp_path / "stays.now").exists()
    assert is_let_go(tmp_path / LOCKED)


@pytest.mark.thorough
def test_nothing_goes_on_when_the_command_is_killed(tmp_path: Path) -> None:
    (tmp_path / "hangs.py").write_text(STAYS + "while True: pass", encoding="utf-8")
    with subprocess.Popen([*COMMAND, "hangs.py", "--time-limit", "400"], cwd=tmp_path) as command:
        ends = monotonic() + 300
        while not (tmp_path / "stays.now").exists() and monotonic() < ends:
            sleep(0.05)
        held = is_held(tmp_path / LOCKED)
        command.kill()
    assert held  # which also shows that the helper sees a process that runs
    assert is_let_go(tmp_path / LOCKED)


@pytest.mark.parametrize("option", ["--time-limit", "--memory-limit"])
@pytest.mark.parametrize("limit", ["inf", "1e300"])
@pytest.mark.one_in(4)
def test_an_infinite_limit_is_no_limit(tmp_path: Path, option: str, limit: str) -> None:
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    command = [*COMMAND, "wrong.py", option, limit]
    report = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=500)
    assert (report.returncode, report.stderr) == (1, "")
    assert TE201 in report.stdout


@pytest.mark.thorough
def test_a_file_name_that_cannot_be_decoded_is_printed(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    try:
        (tmp_path / name).write_text(WRONG, encoding="utf-8")
    except OSError:
        pytest.skip("this file system has no such names")
    for kind in FORMATS:
        command = [*COMMAND, ".", "--format", kind]
        report = subprocess.run(
            command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=500, env=strict
        )
        assert (report.returncode, report.stderr) == (1, "")
        assert "caf\\udce9.py" in report.stdout
        if kind == "json":
            assert json.loads(report.stdout)["outcomes"][0]["file"] == name
