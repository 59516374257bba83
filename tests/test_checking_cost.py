"""What `check` does once alone: copies, sources, and looks for garbage."""

import ast
import gc
import sys

import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import locations
from typed_einsum.testing.axes import widths
from typed_einsum.testing.behaviour import effects
from typed_einsum.testing.calls.modules import copied_with
from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises
from typed_einsum.testing.inputs import signatures
from typed_einsum.testing.observe.garbage import RARELY
from typed_einsum.testing.process.worker import events

TWO_MODES = """
class First:
    def __init__(self, mode, kind):
        self.sums = mode == "sum"
        self.means = kind in ("mean", "max")


class Second:
    def __init__(self, mode):
        assert mode in ("left", "right")
"""

CALL = """
import gc
from jaxtyping import Float
from torch import Tensor

seen = []

def add(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    seen.append(gc.get_threshold())
    return x + 1
"""


def test_the_file_of_several_classes_is_parsed_once(tmp_path, monkeypatch):
    file = tmp_path / "modes.py"
    file.write_text(TWO_MODES)
    names = {"__name__": "modes", "__file__": str(file)}
    exec(compile(TWO_MODES, str(file), "exec"), names)
    parsed = []
    parse = ast.parse
    monkeypatch.setattr(ast, "parse", lambda *args, **kwargs: parsed.append(args) or parse(*args, **kwargs))
    locations._tree.cache_clear()
    assert signatures.compared_texts(names["First"], "mode") == ("sum",)
    assert signatures.compared_texts(names["First"], "kind") == ("mean", "max")
    assert signatures.compared_texts(names["Second"], "mode") == ("left", "right")
    assert len(parsed) == 1


def test_garbage_is_collected_rarely_while_a_file_is_checked(tmp_path):
    usual = gc.get_threshold()
    file = tmp_path / "adds.py"
    file.write_text(CALL)
    found = list(events(file, 0, 60.0, lambda optional: None))
    assert [each["kind"] for each in found if each["event"] == "outcome"] == ["ok"]
    assert set(sys.modules["adds"].seen) == {RARELY}
    assert gc.get_threshold() == usual


def test_a_module_that_an_older_torch_has_saved_gets_what_it_lacks():
    module = nn.Linear(2, 3)
    del vars(module)["_backward_pre_hooks"]
    assert copied_with(module, {})._backward_pre_hooks == {}


class Many(nn.Module):
    """Needs one size of each of many axes."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList(nn.Parameter(torch.zeros(size)) for size in (8, 16, 24, 32))

    def forward(self, x: Float[Tensor, "alpha beta gamma delta"]) -> Float[Tensor, "alpha beta gamma delta"]:
        a, b, c, d = self.weights
        return x + a[:, None, None, None] + b[:, None, None] + c[:, None] + d


def test_widths_are_kept_in_the_order_of_the_axes():
    """Else what is said of the next method would differ from run to run: sets of texts have no order."""
    Check.of(Many, Promises()).report()
    assert list(widths._widths[Many]) == ["alpha", "beta", "gamma", "delta"]


def added(x: Float[Tensor, "b d"], y: Float[Tensor, "b d"], z: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return x + 2 * y + 3 * z


def test_a_call_runs_once_as_it_is_for_all_arguments_that_may_be_without_effect(monkeypatch):
    left, plain = effects._left_by, []

    def left_by(call, arguments):
        plain.append(all(arguments[name] is value for name, value in call.arguments.items()))
        return left(call, arguments)

    monkeypatch.setattr(effects, "_left_by", left_by)
    assert Check.of(added, Promises()).report().ok
    assert plain == [True, False, False, False]
