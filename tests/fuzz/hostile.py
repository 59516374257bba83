"""Wrong texts, made from a seed, and the functions that they are passed to.

Each of these functions, called doors here, must accept a text or refuse it with an error of this library.
`benchmarks/fuzz.py` tries a million texts once, the tests a few thousand each time.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
import torch

from typed_einsum import einsum, explain, shape_checked, shaped, softmax
from typed_einsum.cli import main
from typed_einsum.derivation import read_sizes
from typed_einsum.equation.reading import Reductions, linted
from typed_einsum.errors import TypedEinsumError
from typed_einsum.markdown import derived

EQUATIONS: list[str] = [
    entry["equation"]
    for entry in json.loads((Path(__file__).parents[1] / "equations.json").read_text(encoding="utf-8"))
]
NAMED = [
    "b q d, b k d -> b q k",
    "b m c h w, b n m c -> b m h w",
    "*batch i, i o -> *batch o",
    "b #q d, b k d -> b q k",
]

SIGNS = list(" ,->.*#=()[]{}_?+-/%@!:;'\"\\|&^~`$<>\n\t\r\0")
PIECES = [
    "->", "...", "*b", "#b", "b=3", "_", "...b", "->->", "→", "⟶", ",,", "  ", "b,b", "{self.nh}", "{x!r}",
    "2*d", "h*w", "d//2", "10**10", "-1", "1_0", "0x10", "١٢", "9" * 40, "axis", "self", "None", "lambda",
    "class", "return", "match", "__import__('os').abort()", "__class__", "__builtins__", "print", "exec",
    "torch", "einsum", "_0", "_axis_sizes_of10", "é", "ß", "ﬁ", "名", "ª", "\U0001d483", "\u202e", "\ud800",
    "\u00a0", "\u3000", "\ufeff", "a" * 300,
]  # fmt: skip
"""Parts that have a meaning here, in Python, or in generated code."""


def text(random: Random) -> str:
    """One hostile text."""
    kind = random.random()
    if kind < 0.45:
        return _mutated(random, random.choice(EQUATIONS if random.random() < 0.6 else NAMED))
    if kind < 0.9:
        return random.choice(("", " ")).join(_piece(random) for _ in range(random.randrange(12)))
    if kind < 0.98:
        return "".join(chr(random.randrange(1, 0x250)) for _ in range(random.randrange(20)))
    return _piece(random) * random.randrange(2000)


def _piece(random: Random) -> str:
    kind = random.random()
    if kind < 0.4:
        return random.choice("abcdefghijklmnopqrstuvwxyzABC")
    return random.choice(PIECES) if kind < 0.75 else random.choice(SIGNS)


def _mutated(random: Random, written: str) -> str:
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        at = random.randrange(len(written) + 1)
        match random.randrange(4):
            case 0:
                written = written[:at] + _piece(random) + written[at:]
            case 1:
                written = written[:at] + written[at + random.randrange(1, 4) :]
            case 2:
                other = random.randrange(len(written) + 1)
                written = (
                    written[: min(at, other)]
                    + written[max(at, other) :]
                    + written[min(at, other) : max(at, other)]
                )
            case _:
                written = written[:at] + random.choice(SIGNS) + written[at + 1 :]
    return written


MATRIX = torch.ones(2, 3)


@shape_checked
def _within(axes: str) -> None:
    shaped(MATRIX, axes)


def _option(random: Random) -> str | None:
    return None if random.random() < 0.5 else text(random)


def _through_equations(random: Random) -> None:
    linted(text(random), Reductions(_option(random), _option(random)))


def _through_calls(random: Random) -> None:
    einsum(text(random), MATRIX, MATRIX, max=_option(random))


def _through_derivations(random: Random) -> None:
    equation = text(random) if random.random() < 0.5 else random.choice(NAMED + EQUATIONS)
    names = text(random).split(",") if random.random() < 0.2 else ()
    str(
        explain(
            equation, _option(random) if random.random() < 0.3 else None, sum=_option(random), names=names
        )
    )


def _through_annotations(random: Random) -> None:
    _within(text(random))


def _through_reductions(random: Random) -> None:
    axes = "b c" if random.random() < 0.3 else text(random)
    softmax(MATRIX, axes, over="b" if random.random() < 0.5 else text(random))


def _through_sizes(random: Random) -> None:
    read_sizes(text(random))


def _through_fences(random: Random) -> None:
    lines = [
        random.choice(NAMED),
        *(f"{random.choice(['sizes', 'max', 'steps', 'level'])}: {text(random)}" for _ in "ab"),
    ]
    derived("\n".join(lines) if random.random() < 0.5 else text(random))


class LeftOtherwise(Exception):
    """The command ended with a status that it does not have."""


def _through_the_command(random: Random) -> None:
    words = [
        "explain",
        "check",
        "errors",
        "--max",
        "--sizes",
        "--steps",
        "--format",
        "--select",
        "--sum",
        "--",
        "-x",
    ]
    arguments = [
        random.choice(words) if random.random() < 0.5 else text(random) for _ in range(random.randrange(5))
    ]
    if "check" in arguments:  # it would check this folder
        arguments.append("/nowhere/at/all.py")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            status = main(arguments)
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 99
    if status not in (0, 1, 2):
        raise LeftOtherwise(f"{arguments}: {status}")


SETTINGS = ("shape_contracts", "shape_check", "strict_einsum", "markers", "python_files")
OPTIONS = ("--shape-contracts", "--shape-check", "--strict-einsum")
ENDS = {
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.USAGE_ERROR,
    pytest.ExitCode.NO_TESTS_COLLECTED,
}
"""What a run of pytest may end with: neither interrupted nor by an error inside of it."""


def _through_pytest(random: Random) -> None:
    """A run in a folder with one sound module, under options and settings that are neither."""
    given = []
    for _ in range(random.randrange(1, 4)):
        option = random.choice(OPTIONS)
        value = "sound.py" if random.random() < 0.2 else _nowhere(text(random))
        given += [option] if random.random() < 0.2 else [f"{option}={value}"]
    if random.random() < 0.5:
        given += ["-o", f"{random.choice(SETTINGS)}={text(random)}"]
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("sound.py").write_text(SOUND, encoding="utf-8")
        Path("pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        quiet = ["-q", "-p", "no:cacheprovider", "--capture=no", "--collect-only"]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            status = pytest.main([*quiet, *given])
    sys.modules.pop("sound", None)
    if status not in ENDS:
        raise LeftOtherwise(f"{given}: {status}")


def _nowhere(value: str) -> str:
    """A text that is no folder of this machine: pytest would search all of it, and import what it finds."""
    return f"{value}!" if value == "torch" or os.path.exists(value.replace("\0", "")) else value


SOUND = """
from jaxtyping import Float
from torch import Tensor


def twice(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
    return 2 * x
"""


DOORS: dict[str, Callable[[Random], None]] = {
    "equations": _through_equations,
    "calls of einsum": _through_calls,
    "annotations": _through_annotations,
    "reductions": _through_reductions,
    "sizes": _through_sizes,
    "derivations": _through_derivations,
    "fences": _through_fences,
    "the command": _through_the_command,
    "pytest": _through_pytest,
}
"""What takes a text from a user, by its name."""


def tried(door: str, seed: int, count: int) -> Iterator[str]:
    """What comes out of a door for each of many texts: a code of ours, or "accepted".

    Anything else that comes out is let through, with the seed of its text.
    """
    for number in range(seed, seed + count):
        try:
            DOORS[door](Random(number))
        except TypedEinsumError as error:
            str(error)  # the message itself must come out whole
            yield error.code
        except Exception as error:
            error.add_note(f"door {door!r}, seed {number}")
            raise
        else:
            yield "accepted"


def counted(door: str, seed: int, count: int) -> Counter[str]:
    """How often each thing came out."""
    return Counter(tried(door, seed, count))
