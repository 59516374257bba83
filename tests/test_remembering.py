"""Operations on symbolic shapes that are followed once, however often a call does the same."""

import sympy
import torch
from jaxtyping import Float
from support.following import torch_follows
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._sympy.functions import FloorDiv

from typed_einsum.testing.axes.judge import judge
from typed_einsum.testing.axes.quotients import without_quotients
from typed_einsum.testing.axes.remembering import Remembering
from typed_einsum.testing.axes.shape_env import Asked
from typed_einsum.testing.calls.variation import copied
from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises
from typed_einsum.testing.inputs.draw import Variant


def followed(function):
    """What is found of a call of a function or a class of modules."""
    return judge(Check.of(function, Promises()).maker.call({}))


def test_equal_blocks_are_followed_once(monkeypatch):
    """Of a stack of equal blocks, the second and those after it cost nothing."""

    class Stack(nn.Module):
        def __init__(self, blocks):
            super().__init__()
            self.blocks = nn.ModuleList(
                nn.Sequential(nn.LayerNorm(48), nn.Linear(48, 48)) for _ in range(blocks)
            )

        def forward(self, x: Float[Tensor, "b t 48"]) -> Float[Tensor, "b t 48"]:
            for block in self.blocks:
                x = x + block(x)
            return x

    def operations(blocks):
        maker = Check.of(Stack(blocks), Promises()).maker
        with monkeypatch.context() as patch:
            seen = torch_follows(patch)
            found = judge(maker.call({}), numbers_too=False)
        assert found.extent == "all sizes"
        return sum(func is torch.ops.aten.native_layer_norm.default for func in seen)

    assert operations(8) == operations(2)


def test_a_result_is_a_tensor_of_its_own():
    """What is done to the first result does not reach the second."""
    with Remembering(shape_env=Asked(), allow_non_fake_inputs=True):
        x = torch.empty(3, 5)
        first, second = x + 1, x + 1
        first.unsqueeze_(0)
        third = x + 1
    assert isinstance(second, FakeTensor)
    assert second is not first
    assert first.shape == (1, 3, 5)
    assert second.shape == third.shape == (3, 5)


def test_arguments_that_differ_are_told_apart():
    """One and True, float and int, a view and a copy: each is followed."""
    with Remembering(shape_env=Asked(), allow_non_fake_inputs=True):
        x = torch.empty(3, 5, dtype=torch.int64)
        assert (x * 1).dtype == torch.int64
        assert (x * 1.0).dtype == torch.float32
        assert x.mT.contiguous().stride() == (3, 1)
        assert x.mT.clone().stride() == (1, 5)


def test_values_that_are_known_stay_known():
    """A constant is not taken for another one of its shape."""
    with Remembering(shape_env=Asked(), allow_non_fake_inputs=True):
        assert [int(torch.tensor(number) + 1) for number in (2, 5)] == [3, 6]


def test_several_results_keep_their_names():
    """`torch.max` over an axis returns values and indices under these names, the second time as well."""

    def largest(x: Float[Tensor, "b t"]) -> Float[Tensor, " b"]:
        return x.max(1).values + x.max(1).values

    assert followed(largest).extent == "all sizes"


def test_a_whole_quotient_is_no_quotient():
    """`n**2 // n` is n; what may leave a rest stays."""
    n, m = sympy.symbols("n m", positive=True, integer=True)
    assert without_quotients(FloorDiv(n**2, n, evaluate=False)) == n
    assert without_quotients(FloorDiv(m * n**2, n, evaluate=False)) == m * n
    inner = FloorDiv(n**2, n, evaluate=False)
    assert without_quotients(FloorDiv(inner**2, inner, evaluate=False)) == n
    assert without_quotients(FloorDiv(n, sympy.Integer(2))) == FloorDiv(n, sympy.Integer(2))


def test_rows_of_pairs_need_nothing():
    """A reshape with -1 over both axes of pairs, again and again, asks nothing of the size."""

    def rows(x: Float[Tensor, "b n n d"]) -> Float[Tensor, "b n n d"]:
        for _ in range(3):
            b, n, _, d = x.shape
            x = x.reshape(b * n, -1, d).softmax(-1).reshape(b, -1, n, d)
        return x

    found = followed(rows)
    assert (found.extent, found.conditions, found.findings) == ("all sizes", (), ())


def test_the_empty_parts_of_a_copy_are_its_own():
    """Hooks that are registered on a copy do not reach the module, and what was shared stays shared."""
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    module[0].kept = module[1].kept = {}  # type: ignore[assignment]
    made = copied(module, "meta")
    made[0].register_forward_hook(lambda *_: None)
    made[0].kept["a"] = 1
    assert not module[0]._forward_hooks
    assert not made[1]._forward_hooks
    assert (module[0].kept, made[1].kept) == ({}, {"a": 1})


def test_what_is_only_looked_at_is_built_once():
    """One object has numbers and one has none; what is run on no numbers is a copy."""
    built = []

    class Counted(nn.Module):
        def __init__(self, width: int = 56) -> None:
            super().__init__()
            built.append(width)
            self.layer = nn.Linear(width, width)

        def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
            return self.layer(x)

    check = Check.of(Counted, Promises())
    judgement = check._judgement(Variant.FULL, numbers_too=False)
    assert judgement.extent == "all sizes"
    assert len(built) == 2


def test_what_inference_mode_has_made_is_not_taken_for_what_may_have_gradients():
    """What was made in inference mode may not be saved for backward."""
    with Remembering(shape_env=Asked(), allow_non_fake_inputs=True):
        weight = nn.Parameter(torch.empty(3))
        with torch.inference_mode():
            assert torch.ones(3).exp().is_inference()
        plain = torch.ones(3).exp()
        assert not plain.is_inference()
        (weight * plain).sum().backward()
