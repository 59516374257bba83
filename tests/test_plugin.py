"""The pytest plugin, on projects as users have them. Whatever depends on what is imported has a process."""

from __future__ import annotations

import linecache
import re
from pathlib import Path

import pytest
import torch

import typed_einsum.testing.pytest.contracts  # noqa: F401

# A run in this process leaves no module behind that it has imported, and torch cannot be imported twice.
# So what the plugin imports is here before.

PAGE = Path(__file__).parent.parent / "docs" / "pytest.md"

MODEL = """\
import torch
from jaxtyping import Float
from torch import Tensor, nn


def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]:
    return torch.einsum("bqd,bkd->bqk", query, key)


def merge(
    x: Float[Tensor, "b h t d"],
) -> Float[Tensor, "b t h*d"]:
    return x.reshape(x.shape[0], x.shape[2], -1)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.axis_sizes = {"e": config["width"]}
        self.project = nn.Linear(config["width"], 5)

    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t f"]:
        return self.project(x)

    def halves(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t e"]:
        return x / 2

    @staticmethod
    def doubled(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x * 2


def plain(x):
    return x
"""

TEST = """\
import torch
from shop.model import scores


def test_scores():
    assert scores(torch.ones(2, 3, 5), torch.ones(1, 7, 5)).shape == (2, 3, 7)
"""


@pytest.fixture(scope="module", autouse=True)
def _late_imports() -> None:
    """Some parts of torch are imported when they are first used, and they cannot be imported twice either."""
    import torch._dynamo
    import torch._inductor.test_operators  # noqa: F401


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a package `shop` below `src` and one test, of what broadcasts silently."""
    write(pytester, "src/shop/__init__.py", "")
    write(pytester, "src/shop/model.py", MODEL)
    write(pytester, "tests/test_model.py", TEST)
    pytester.makeini("[pytest]\npythonpath = src\n")
    return pytester


def write(pytester: pytest.Pytester, name: str, text: str) -> None:
    file = pytester.path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)


def source(pytester: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    """A run of the contracts of one file alone."""
    head = "import pytest, torch\nfrom jaxtyping import Float\nfrom torch import Tensor, nn\n"
    write(pytester, "model.py", head + text)
    return run(pytester, "--shape-contracts=model.py", "-rs", *options)


def einsums(pytester: pytest.Pytester, body: str, *options: str, apart: bool = False) -> pytest.RunResult:
    """A run of one test in which torch.einsum is strict; `apart` in a process of its own."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    head = "import pytest, torch\nx, y = torch.ones(2, 3, 5), torch.ones(1, 7, 5)\n"
    write(pytester, "test_einsum.py", f"{head}\ndef test_it():\n{lines}")
    if apart:
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "--strict-einsum", *options)
    return run(pytester, "--strict-einsum", *options)


# Unused


IMPORTED = """
import sys

def test_nothing_is_imported():
    assert {"torch", "typed_einsum", "typed_einsum.testing"}.isdisjoint(sys.modules)

def test_the_plugin_is_there(pytestconfig):
    assert pytestconfig.pluginmanager.hasplugin("typed_einsum")
"""


def test_unused_it_imports_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(IMPORTED)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)
    used = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--strict-einsum")
    used.assert_outcomes(passed=1, failed=1)


def test_it_can_be_removed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(IMPORTED)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:typed_einsum")
    result.assert_outcomes(passed=1, failed=1)
    refused = pytester.runpytest_subprocess("-p", "no:typed_einsum", "--strict-einsum")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR


def test_a_project_that_uses_none_of_it_sees_nothing_of_it(shop: pytest.Pytester) -> None:
    result = run(shop)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*shape contracts*")


# Contracts


def test_every_annotated_function_is_an_item(shop: pytest.Pytester) -> None:
    result = run(shop, "--shape-contracts=shop", "--collect-only", "-q")
    assert [line for line in result.outlines if "::" in line] == [
        "tests/test_model.py::test_scores",
        "src/shop/model.py::shape-contract[scores]",
        "src/shop/model.py::shape-contract[merge]",
        "src/shop/model.py::shape-contract[Block.forward]",
        "src/shop/model.py::shape-contract[Block.halves]",
        "src/shop/model.py::shape-contract[Block.doubled]",
    ]


REPORT = [
    "src/shop/model.py:11: merge: 1 finding (at b=11 h=13 t=17 d=19)",
    "  src/shop/model.py:13: TE703 a reshape from (b, h, t, d) to (b, t, h*d) mixes",
]
SKIPS = [
    "SKIPPED [[]1] src/shop/model.py:22: cannot build Block: parameter `config` has no annotation"
    " (build one in pytest_shape_contract_build, or observe your tests with check --with)",
    "SKIPPED [[]1] src/shop/model.py:25: cannot build Block: parameter `config` has no annotation"
    " (build one in pytest_shape_contract_build, or observe your tests with check --with)",
]


@pytest.mark.parametrize("asked", ["shop", "shop.model", "src", "src/shop/model.py"])
def test_a_contract_fails_with_its_report_at_its_annotation(shop: pytest.Pytester, asked: str) -> None:
    result = run(shop, f"--shape-contracts={asked}", "-rs")
    result.assert_outcomes(passed=3, failed=1, skipped=2)
    result.stdout.fnmatch_lines(["*_ shape-contract[[]merge] _*", *REPORT])
    result.stdout.fnmatch_lines(["shape contracts: 3 checked, 2 skipped, 10 axes covered", *SKIPS])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.thorough
def test_workers_share_the_contracts(shop: pytest.Pytester) -> None:
    result = run(shop, "--shape-contracts=shop", "-rs", "-n2")
    result.assert_outcomes(passed=3, failed=1, skipped=2)
    result.stdout.fnmatch_lines(REPORT)
    result.stdout.fnmatch_lines("shape contracts: 3 checked, 2 skipped, 10 axes covered")
    result.stdout.fnmatch_lines_random(SKIPS)


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        (["-k", "scores and shape-contract"], 1),
        (["-k", "doubled"], 1),
        (["-m", "not shape_contract"], 1),
        (["-m", "shape_contract", "-k", "scores or doubled"], 2),
        (["src/shop/model.py::shape-contract[scores]"], 1),
        (["--deselect", "src/shop/model.py::shape-contract[merge]", "-k", "not Block"], 2),
    ],
)
def test_contracts_are_selected_as_tests_are(shop: pytest.Pytester, options: list[str], passed: int) -> None:
    result = run(shop, "--shape-contracts=shop", *options)
    result.assert_outcomes(passed=passed, deselected=None if "::" in options[0] else 6 - passed)


def test_the_folder_of_a_package_need_not_be_on_the_path(shop: pytest.Pytester) -> None:
    shop.makeini("[pytest]\n")
    result = run(shop, "--shape-contracts=shop", "--ignore=tests")
    result.assert_outcomes(passed=2, failed=1, skipped=2)


def test_a_path_may_go_up(shop: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.path / "tests")
    result = run(shop, "--shape-contracts=../src/shop/model.py", "--collect-only", "-q", "-k", "merge")
    assert "src/shop/model.py::shape-contract[merge]" in result.outlines


def test_a_warning_is_no_finding(pytester: pytest.Pytester) -> None:
    text = "import warnings\ndef f(x: Float[Tensor, 'b']) -> Float[Tensor, 'b']:\n    "
    result = source(pytester, text + "warnings.warn('mind the gap')\n    return x", "-W", "error")
    result.assert_outcomes(passed=1)


def test_a_file_outside_the_project_keeps_its_path(shop: pytest.Pytester) -> None:
    (shop.path / "inner").mkdir()
    options = "--rootdir=inner", "--shape-contracts=shop", "--collect-only", "-q", "-k", "merge"
    assert f"{shop.path}/src/shop/model.py::shape-contract[merge]" in run(shop, *options).outlines


def test_settings_ask_as_options_do(shop: pytest.Pytester) -> None:
    shop.makeini(
        "[pytest]\npythonpath = src\nshape_contracts =\n    src/shop/model.py\nstrict_einsum = true\n"
    )
    result = shop.runpytest_inprocess("-p", "no:cacheprovider", "tests")
    result.assert_outcomes(passed=2, failed=2, skipped=2)
    result.stdout.fnmatch_lines("shape contracts: 3 checked, 2 skipped, 10 axes covered")


@pytest.mark.parametrize(
    ("arguments", "items"),
    [
        ([], 6),
        (["tests"], 6),
        (["tests/test_model.py"], 1),
        (["tests/test_model.py::test_scores"], 1),
        (["src/shop/model.py::shape-contract[merge]"], 1),
        (["tests/test_model.py", "--shape-contracts=src"], 6),
    ],
)
def test_a_setting_adds_no_contracts_to_tests_that_are_picked_out(
    shop: pytest.Pytester, arguments: list[str], items: int
) -> None:
    shop.makeini("[pytest]\npythonpath = src\nshape_contracts = src/shop/model.py\n")
    result = shop.runpytest_inprocess("-p", "no:cacheprovider", "--collect-only", "-q", *arguments)
    assert sum("::" in line for line in result.outlines) == items
    result.stdout.no_fnmatch_line("shape contracts:*")


def test_a_file_that_tests_import_too_runs_once(shop: pytest.Pytester) -> None:
    write(shop, "src/shop/model.py", MODEL + "\nprint('imported', __name__)\n")
    assert run(shop, "--shape-contracts=src", "-s").outlines.count("imported shop.model") == 1


def test_what_pytest_is_told_to_ignore_has_no_contracts(shop: pytest.Pytester) -> None:
    write(shop, "src/shop/old.py", "raise RuntimeError")
    write(shop, "src/shop/test_inside.py", "raise RuntimeError")
    result = run(shop, "--shape-contracts=shop", "--ignore=src/shop/old.py", "-k", "merge", "tests")
    result.assert_outcomes(failed=1, deselected=5)


def test_a_promise_of_a_decorator_is_held(pytester: pytest.Pytester) -> None:
    result = source(
        pytester,
        """
from typed_einsum.testing import contract

@contract(couples="b")
def double(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
    return x * 2

class Centred(nn.Module):
    @contract(couples="b")
    def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x - x.mean(0)
""",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines("*TE712 `b` is said to couple, but no sample moves another")


def test_a_marker_says_more_and_wins(pytester: pytest.Pytester) -> None:
    result = source(
        pytester,
        """
from typed_einsum.testing import contract

@pytest.mark.shape_contract(couples="b", sizes={"c": 23})
def centred(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
    assert len(x.T) in (0, 1, 23)
    return x - x.mean(0)

@pytest.mark.shape_contract(couples="b")
class Centred(nn.Module):
    def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x - x.mean(0)

@pytest.mark.shape_contract(ordered=())
@contract(ordered="c")
def double(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
    return x * 2
""",
    )
    result.assert_outcomes(passed=3)


def test_other_marks_do_what_they_do(pytester: pytest.Pytester) -> None:
    result = source(
        pytester,
        """
@pytest.mark.skip(reason="needs a licence")
def paid(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
    return x

@pytest.mark.xfail(strict=True)
def wrong(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
    return x

@pytest.mark.no_shape_checks
def slow(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
    return x
""",
    )
    result.assert_outcomes(skipped=2, xfailed=1)
    result.stdout.fnmatch_lines(["*needs a licence", "SKIPPED [[]1] model.py:14: marked no_shape_checks"])
    result.stdout.fnmatch_lines("shape contracts: 1 checked, 2 skipped, 2 axes covered")


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("independant='b'", "shape_contract has no option independant; it has independent, ordered, couples"),
        (
            "'b'",
            "shape_contract has no option 'b'; it has independent, ordered, couples, causal",
        ),
    ],
)
def test_a_marker_that_says_nonsense_stops_the_run(pytester: pytest.Pytester, mark: str, said: str) -> None:
    text = (
        f"@pytest.mark.shape_contract({mark})\ndef f(x: Float[Tensor, 'b']) -> Float[Tensor, 'b']: return x"
    )
    result = source(pytester, text)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"ERROR: model.py::shape-contract[[]f]: {said}*")


BLOCK = """
class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.axis_sizes = {"e": config["width"]}
        self.project = nn.Linear(config["width"], 5)

    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t f"]:
        return self.project(x)
"""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{'config': {'width': 6}}", None),
        ("kind({'width': 6})", None),
        ("None", "cannot build Block: parameter `config` has no annotation (build one in *"),
        ("7", "*gave 7 for Block: return the arguments of its constructor as a dict, or a Block"),
        ("{'width': 6}", "Block(width=6), from pytest_shape_contract_build, raised TypeError: *"),
    ],
)
def test_a_conftest_says_how_to_build_a_module(
    pytester: pytest.Pytester, given: str, said: str | None
) -> None:
    hook = f"assert kind.__name__ == 'Block'\n    return {given}"
    pytester.makeconftest(f"def pytest_shape_contract_build(kind):\n    {hook}\n")
    result = source(pytester, BLOCK)
    if said is None:
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines("shape contracts: 1 checked, 0 skipped, 4 axes covered")
    else:
        result.stdout.fnmatch_lines(f"*{said}".replace("[", "[[]"))
        assert result.parseoutcomes().keys() == {"skipped" if given == "None" else "failed"}


def test_what_the_sizes_of_a_module_say_is_inferred(pytester: pytest.Pytester) -> None:
    block = BLOCK.replace("config)", "width: int)").replace('config["width"]', "width")
    source(pytester, block).assert_outcomes(passed=1)


def test_an_error_in_an_annotation_is_the_message_alone(pytester: pytest.Pytester) -> None:
    text = "@typed_einsum\ndef f(x: 'Row', y: Float[Tensor, 'c d']) -> Float[Tensor, 'b e']: ...\n"
    head = "from typed_einsum import typed_einsum\n"
    result = source(pytester, f"{head}{text}Row = Float[Tensor, 'b c']")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*_ shape-contract[[]f] _*", "EquationError[[]TE106]: *", "  --> model.py:6*"]
    )
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import helper.no_such_module", "importing model.py raised ModuleNotFoundError: *'helper.no_such*"),
        ("raise SystemExit(3)", "importing model.py raised SystemExit: 3"),
        (
            "from typed_einsum import typed_einsum\n@typed_einsum\n"
            "def f(x: Float[Tensor, 'b c']) -> Float[Tensor, 'b e']: ...",
            "EquationError[[]TE106]: *",
        ),
    ],
)
def test_a_file_that_does_not_import_fails_alone(pytester: pytest.Pytester, text: str, said: str) -> None:
    write(pytester, "helper/__init__.py", "")
    write(pytester, "fine.py", "from jaxtyping import Float\nfrom torch import Tensor\n")
    write(pytester, "test_it.py", "def test_it(): pass")
    result = source(pytester, text, "--shape-contracts=fine.py")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*_ shape-contract[[]import] _*", said])


def test_a_file_that_needs_a_missing_library_is_skipped(pytester: pytest.Pytester) -> None:
    result = source(pytester, "import no_such_module_anywhere")
    result.assert_outcomes(skipped=1)
    said = "importing model.py raised ModuleNotFoundError: No module named 'no_such_module_anywhere'"
    result.stdout.fnmatch_lines(f"SKIPPED [[]1] model.py:1: {said}")


def test_a_file_may_have_the_name_of_a_module(pytester: pytest.Pytester) -> None:
    text = "from jaxtyping import Float\nfrom torch import Tensor\n"
    write(pytester, "json.py", f"{text}def f(x: Float[Tensor, 'b']) -> Float[Tensor, 'b']: return x\n")
    run(pytester, "--shape-contracts=json.py").assert_outcomes(passed=1)


SLOW = """
from time import sleep

def forever(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
    while True:
        pass

def slow(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
    sleep(0.3)
    return x

def waits(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
    sleep(30)
    return x
"""


@pytest.mark.thorough
def test_one_call_has_a_limit_and_so_have_all_that_are_tried(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml("[tool.typed-einsum]\ntime-limit = 1")
    result = source(pytester, SLOW)
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines("*model.py:7: TE702 the call ran for more than 1 second")
    said = "the call ran for more than 1 second, and the processor hardly ran it meanwhile"
    result.stdout.fnmatch_lines(f"SKIPPED*{said}*")


def test_a_wrong_limit_stops_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml("[tool.typed-einsum]\ntime-limit = 0")
    assert source(pytester, SLOW).ret == pytest.ExitCode.USAGE_ERROR


def test_advice_is_counted_and_shown_on_demand(pytester: pytest.Pytester) -> None:
    text = "def f(x: Float[Tensor, 'n n']) -> Float[Tensor, 'n']: return x.sum(1)"
    result = source(pytester, text, "-rP")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines("*TE711 advice: `x` is *")
    result.stdout.fnmatch_lines(
        "shape contracts: 1 checked, 0 skipped, 1 axis covered; 1 with advice, shown by -rP"
    )


# Strict einsum


def test_strict_einsum_points_at_the_callers_line(shop: pytest.Pytester) -> None:
    run(shop).assert_outcomes(passed=1)
    result = run(shop, "--strict-einsum")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E * ShapeError[[]TE201]: axis `b` is 2 in operand 1 but 1 in operand 2",
            "E *--> src/shop/model.py:7:30 in scores",
            'E *7 |     return torch.einsum("bqd,bkd->bqk", query, key)',
            "E *  |                          ^ 2 here",
            "E *  |                              ^ 1 here",
            "E *torch.einsum is strict while these tests run (--strict-einsum)",
            "src/shop/model.py:7: ShapeError",
        ]
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('torch.einsum("bqd,bkd", x, x)', 'TE101* help: write the output: "bqd,bkd->kq"'),
        ('torch.einsum("bqd,bkd->bq", x, x)', 'TE108* sum="k", with typed_einsum.einsum'),
        ('torch.einsum("bqd, bkd -> bqk", x, y)', "TE201* test_einsum.py:5:24 in test_it"),
        ('torch.einsum("bqd,bkd->bqk", [x, y])', "TE201* test_einsum.py:5:23 in test_it"),
        ('torch.einsum("b qd,bk d->bqk", x, y)', "TE201* test_einsum.py:5:24 in test_it"),
        ('torch.functional.einsum("bqd,bkd->bqk", x, y)', "TE201* test_einsum.py:5:34 in test_it"),
        ("torch.einsum(x, [0, 1, 2], y, [0, 3, 2], [0, 1, 3])", "TE201* test_einsum.py:5:5 in test_it"),
        ("torch.einsum(x, [0, 1, 2], x, [0, 3, 2])", "TE101*"),
        ("torch.einsum(x, [..., 1], y, [..., 1], [...])", "TE20*"),
    ],
)
def test_strict_einsum_refuses(pytester: pytest.Pytester, body: str, said: str) -> None:
    result = einsums(pytester, body)
    result.assert_outcomes(failed=1)
    text = " ".join(line.removeprefix("E").strip() for line in result.outlines if line.startswith("E "))
    pytest.LineMatcher([text]).fnmatch_lines([f"*[[]{said}*"])


@pytest.mark.parametrize(
    "body",
    [
        'assert torch.einsum("bqd,bkd->bqk", x, x).shape == (2, 3, 3)',
        'assert torch.einsum("...qd, k d->... q k", x, x[0]).shape == (2, 3, 3)',
        'assert torch.einsum("BQd -> dBQ", x).shape == (5, 2, 3)',
        "assert torch.einsum(x, [0, 1, 2], x, [0, 3, 2], [0, 1, 3]).shape == (2, 3, 3)",
        'with pytest.raises(RuntimeError): torch.einsum("ab->ab", x, y)',
        "with pytest.raises((TypeError, ValueError)): torch.einsum(7)",
        'with torch.autocast("cpu"): torch.einsum("bqd,bkd->bqk", x.bfloat16(), x)',
        'assert torch.vmap(lambda each: torch.einsum("qd->dq", each))(x).shape == (2, 5, 3)',
        'assert torch.einsum.__doc__.startswith("einsum(equation")',
    ],
)
def test_strict_einsum_leaves_alone(pytester: pytest.Pytester, body: str) -> None:
    einsums(pytester, body).assert_outcomes(passed=1)


@pytest.mark.thorough
def test_strict_einsum_does_not_stand_in_the_way_of_compilers(pytester: pytest.Pytester) -> None:
    result = einsums(
        pytester,
        """
import warnings
def scores(x: torch.Tensor, y: torch.Tensor):
    return torch.einsum("bqd,bkd->bqk", [x, y])
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for made in (
        torch.jit.script(scores),
        torch.jit.trace(scores, (x, y), check_trace=False),
        torch.compile(scores, fullgraph=True, backend="eager"),
    ):
        assert made(x, y).shape == (2, 3, 7)
with pytest.raises(ValueError):
    scores(x, y)
""",
        apart=True,  # a compiler imports much of torch
    )
    result.assert_outcomes(passed=1)


def test_strict_einsum_is_for_the_projects_own_files(pytester: pytest.Pytester) -> None:
    theirs = 'from torch import einsum\ndef scores(x, y): return einsum("bqd,bkd->bqk", x, y)\n'
    write(pytester, "env/site-packages/theirs.py", theirs)
    write(pytester, "ours.py", theirs + "import torch\nscores(torch.ones(2, 3, 5), torch.ones(1, 7, 5))\n")
    pytester.makeini("[pytest]\npythonpath = env/site-packages .\n")
    pytester.makeconftest("import ours")  # before any test, and not strict
    body = "import ours, theirs\ntheirs.scores(x, y)\nwith pytest.raises(ValueError): ours.scores(x, y)"
    einsums(pytester, body).assert_outcomes(passed=1)


def test_a_marked_test_is_not_strict(pytester: pytest.Pytester) -> None:
    head = "import pytest, torch\n@pytest.mark.no_shape_checks\n"
    text = head + 'def test_it():\n    torch.einsum("ij", torch.ones(2, 3))'
    pytester.makepyfile(text)
    run(pytester, "--strict-einsum").assert_outcomes(passed=1)
    pytester.makepyfile(text.replace("@pytest.mark.no_shape_checks", ""))
    run(pytester, "--strict-einsum").assert_outcomes(failed=1)


def test_torch_is_as_it_was_afterwards(pytester: pytest.Pytester) -> None:
    before = torch.einsum
    result = einsums(pytester, "assert torch.einsum.__wrapped__")
    result.assert_outcomes(passed=1)
    assert torch.einsum is before
    assert torch.functional.einsum is before
    assert not hasattr(torch.einsum, "__wrapped__")


# Annotations checked at run time


def test_annotations_are_checked_without_touching_the_code(shop: pytest.Pytester) -> None:
    result = run(shop, "--shape-check=shop")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("E *TypeCheckError: *parameters of shop.model.scores*")


LEFT_ALONE = """\
from typing import Self
import torch
from jaxtyping import Float
from torch import Tensor

def njit(function):
    assert not hasattr(function, "__wrapped__"), "a compiler reads the function itself"
    return function

@torch.jit.script
def norm(x: Tensor) -> Tensor:
    return torch.norm(x, dim=-1)

@njit
def compiled(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return x

class Config:
    @classmethod
    def from_file(cls, path: str) -> Self:
        return cls()

    def moved(self, x: Float[Tensor, "b d"]) -> Self:
        return self

def schedule(step: int, rate: float) -> float:
    return rate * step

def scaled(x: Float[Tensor, "b d"], by: float) -> Float[Tensor, "b d"]:
    return x * by
"""


@pytest.mark.parametrize("workers", [[], pytest.param(["-n1"], marks=pytest.mark.thorough)])
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_what_cannot_be_decorated_is_left_alone_and_named(shop: pytest.Pytester, workers: list[str]) -> None:
    write(shop, "src/shop/model.py", LEFT_ALONE)
    write(
        shop,
        "tests/test_model.py",
        """
import pytest, torch
from shop.model import Config, norm, scaled, schedule

def test_it():
    assert norm(torch.ones(2, 3)).shape == (2,)
    assert isinstance(Config.from_file("a"), Config)
    assert schedule(2, 1) == 2
    assert scaled(torch.ones(2, 3), 2).shape == (2, 3)
    with pytest.raises(Exception, match="b d"):
        scaled(torch.ones(2), 2)
""",
    )
    result = run(shop, "--shape-check=shop", *workers)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "shape check: shop.model.Config.moved is left alone: BeartypeDecorHintPep673Exception: *",
            "shape check: shop.model.compiled is left alone: @njit compiles it",
        ]
    )
    result.stdout.no_fnmatch_line("*shop.model.norm*")


def test_fields_of_a_dataclass_are_checked(shop: pytest.Pytester) -> None:
    head = "from dataclasses import dataclass\nfrom jaxtyping import Float\nfrom torch import Tensor\n"
    write(shop, "src/shop/model.py", f"{head}@dataclass\nclass Batch:\n    x: Float[Tensor, 'b c']\n")
    write(
        shop,
        "tests/test_model.py",
        "import torch\nfrom shop.model import Batch\ndef test_it(): Batch(torch.ones(2))\n",
    )
    run(shop, "--shape-check=shop").assert_outcomes(failed=1)
    run(shop).assert_outcomes(passed=1)


@pytest.mark.thorough
def test_annotations_are_checked_in_workers(shop: pytest.Pytester) -> None:
    run(shop, "--shape-check=shop", "-n1").assert_outcomes(failed=1)


def test_a_marked_test_runs_without_checks(shop: pytest.Pytester) -> None:
    marked = TEST.replace("def test_", "import pytest\n@pytest.mark.no_shape_checks\ndef test_")
    unmarked = TEST.replace("def test_scores", "def test_again").partition("\n\n\n")[2]
    write(shop, "tests/test_model.py", f"{marked}\n\n{unmarked}")
    run(shop, "--shape-check=shop").assert_outcomes(passed=1, failed=1)


def test_checks_of_this_library_are_off_in_a_marked_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest, torch
        from typed_einsum import einsum

        @pytest.fixture
        def contracted():
            return einsum("b c, b c -> b", torch.ones(2, 3), torch.ones(1, 3))

        @pytest.mark.no_shape_checks
        def test_off(contracted):
            assert contracted.shape == (2,)

        def test_on():
            with pytest.raises(ValueError, match="TE201"):
                einsum("b c, b c -> b", torch.ones(2, 3), torch.ones(1, 3))
        """
    )
    run(pytester, "--strict-markers").assert_outcomes(passed=2)


# Tracebacks

MODULES = """
import torch
from jaxtyping import Float
from torch import Tensor, nn
from typed_einsum import shape_checked

class Head(nn.Module):
    @shape_checked
    def forward(self, x: Float[Tensor, "b t"], y: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
        return x + y

def model(x):
    return Head()(x, x.mT)

def test_model():
    model(torch.ones(2, 3))
"""


def test_a_traceback_ends_where_the_wrong_tensor_is_passed(pytester: pytest.Pytester) -> None:
    write(pytester, "test_it.py", MODULES)
    result = run(pytester)
    result.stdout.fnmatch_lines([">       return Head()(x, x.mT)", "test_it.py:13: ShapeError"])
    result.stdout.no_fnmatch_line("*typed_einsum/*")
    result.stdout.no_fnmatch_line("*module.py*")
    run(pytester, "--full-trace").stdout.fnmatch_lines("*typed_einsum/*")


# Inputs


def test_the_fixture_makes_inputs(pytester: pytest.Pytester) -> None:
    write(pytester, "model.py", MODEL)
    pytester.makepyfile(
        """
        from model import scores

        def test_scores(shape_inputs):
            result = scores(**shape_inputs(scores, sizes={"b": 2}, seed=1))
            assert len(result) == 2
            assert len(set(result.shape)) == 3
        """
    )
    run(pytester).assert_outcomes(passed=1)


# What stops a run


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shape-contracts=nothing"], "*contracts: expected a file, folder or package, got 'nothing'"),
        (["--shape-contracts=shop.nothing"], "*expected a file, folder or package, got 'shop.nothing'"),
        (["--shape-contracts=shop.model.x"], "*expected a file, folder or package, got 'shop.model.x'"),
        (["--shape-contracts="], "--shape-contracts: expected a file, folder or package, got ''"),
        (["--shape-contracts=a b"], "--shape-contracts: expected a file, folder or package, got 'a b'"),
        (["--shape-contracts=tox.ini"], "--shape-contracts: tox.ini is no Python file"),
        (["--shape-contracts=empty"], "--shape-contracts: there is no Python file in empty"),
        (["--shape-check=nothing"], "--shape-check: there is no package 'nothing'"),
        (["--shape-check=src/shop"], "--shape-check: there is no package 'src/shop'"),
        (["--shape-check=pytest"], "--shape-check: pytest is imported already, by another plugin*"),
        (["--strict-einsum=yes"], "*ignored explicit argument 'yes'"),
        (["-o", "strict_einsum=perhaps"], "the setting strict_einsum: *perhaps*"),
        (["-o", "shape_contracts=nothing"], "*expected a file, folder or package, got 'nothing'"),
    ],
)
def test_a_bad_option_stops_the_run(shop: pytest.Pytester, options: list[str], said: str) -> None:
    (shop.path / "empty").mkdir()
    result = run(shop, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    pytest.LineMatcher([line.removeprefix("ERROR: ") for line in result.errlines]).fnmatch_lines([f"*{said}"])
    assert "Traceback" not in result.stderr.str()


# The page


FENCED = re.compile(r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.M | re.S)


def shown_runs(page: str, pytester: pytest.Pytester) -> list[tuple[list[str], list[str]]]:
    """Each `console` block of a page with the lines of its run; the files are those before it on the page."""
    runs = []
    for block in FENCED.finditer(page):
        match block["language"]:
            case "python":
                file = pytester.path / (block["title"] or "model.py")
                before = file.read_text(encoding="utf-8") if file.exists() else ""
                file.write_text(before + block["text"], encoding="utf-8")
            case "toml":
                (pytester.path / "pyproject.toml").write_text(block["text"], encoding="utf-8")
            case "console":
                command, *shown = block["text"].splitlines()
                words = command.replace('"', "").split()
                assert words[:2] == ["$", "pytest"]
                linecache.checkcache()  # the file has grown since the last run in this process
                result = run(pytester, *words[2:])
                runs.append((shown, [*result.outlines, *result.errlines]))
    return runs


def missing(shown: list[str], lines: list[str]) -> list[str]:
    """The shown lines that a run did not print in this order; numbers of seconds do not count."""
    rest = iter([re.sub(r"in [0-9.]+s", "in 0.10s", line).rstrip() for line in lines])
    return [line for line in shown if line.rstrip() not in rest]


def test_the_page_shows_what_is_printed(pytester: pytest.Pytester) -> None:
    runs = shown_runs(PAGE.read_text(encoding="utf-8"), pytester)
    assert len(runs) >= 4
    for shown, lines in runs:
        assert missing(shown, lines) == [], "\n".join(lines)


def test_a_page_that_shows_something_else_is_found(pytester: pytest.Pytester) -> None:
    file = '```python title="test_it.py"\ndef test_it(): pass\n```\n'
    page = file + "```console\n$ pytest -q\n1 passed in 0.10s\n2 passed\n```\n"
    assert [missing(*each) for each in shown_runs(page, pytester)] == [["2 passed"]]


def test_options_are_in_the_help_and_on_the_page(pytester: pytest.Pytester) -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = run(pytester, "--help").stdout.str() + run(pytester, "--markers").stdout.str()
    for name in (
        "--shape-contracts",
        "--strict-einsum",
        "--shape-check",
        "--shapes",
        "shape_contract(",
        "no_shape_checks",
    ):
        assert name in shown
        assert name.rstrip("(") in page
