"""The workers of a maximum: who gets some, who does not, and that results do not depend on them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Dataset

from typed_einsum.contraction.maximum import best_products, gradients, products, sizes, workers

WORKERS = 3
SIZES = 2, 3, 70, 20, 90


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch with more than one thread, and tiles so small that there are some for each worker."""
    before = torch.get_num_threads()
    torch.set_num_threads(WORKERS)
    for name in ("SMALL", "SMALL_IN_TRAINING"):
        monkeypatch.setattr(products, name, 0)
    monkeypatch.setattr(sizes, "LEAST_TILE", 64)
    monkeypatch.setattr(sizes, "LEAST_WIDTH", 16)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the threads that compute tiles."""
    names: set[str] = set()
    original = workers._taken_from

    def noted(queue: object) -> Iterator[object]:
        names.add(threading.current_thread().name)
        return original(queue)  # type: ignore[arg-type]

    monkeypatch.setattr(workers, "_taken_from", noted)
    return names


def reference(rows: Tensor, columns: Tensor) -> Tensor:
    return torch.einsum("benc,bcp->benp", rows, columns).max(2).values


def operands(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    b, e, n, c, p = SIZES
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(b, e, n, c, generator=generator, dtype=torch.float64).to(dtype)
    columns = torch.randn(b, c, p, generator=generator, dtype=torch.float64).to(dtype)
    return rows.requires_grad_(), columns.requires_grad_()


def weighted(function: Callable[..., Tensor], *pair: Tensor) -> tuple[Tensor, ...]:
    result = function(*pair)
    weights = torch.arange(1.0, result.numel() + 1, dtype=result.dtype).reshape(result.shape)
    return (result, *torch.autograd.grad(result, pair, weights))


def is_of_the_pool(names: set[str]) -> bool:
    return bool(names) and all(name.startswith("typed-einsum") for name in names)


def test_values_and_gradients_are_those_of_torch(used: set[str]) -> None:
    for mine, theirs in zip(
        weighted(best_products, *operands()), weighted(reference, *operands()), strict=True
    ):
        torch.testing.assert_close(mine, theirs)
    assert is_of_the_pool(used)
    used.clear()
    rows, columns = (each.detach() for each in operands())
    torch.testing.assert_close(best_products(rows, columns), reference(rows, columns))
    assert is_of_the_pool(used)


def test_in_inference_mode_too(used: set[str]) -> None:
    with torch.inference_mode():
        rows, columns = (each.clone() for each in operands())
        torch.testing.assert_close(best_products(rows, columns), reference(rows, columns))
    assert is_of_the_pool(used)


def test_second_derivatives(used: set[str]) -> None:
    rows = operands()[0].detach()[:, :2, :9, :3].requires_grad_()
    columns = operands()[1].detach()[:, :3, :40].requires_grad_()
    assert torch.autograd.gradcheck(best_products, (rows, columns), fast_mode=True)
    assert torch.autograd.gradgradcheck(best_products, (rows, columns), fast_mode=True)
    assert any(name.startswith("typed-einsum") for name in used)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_equals_and_what_is_no_number(value: float) -> None:
    rows, columns = (each.detach() for each in operands())
    rows[:, :, 60] = rows[:, :, 7]
    rows[1, 2, 5, 1] = value
    columns[1, 2, 7] = value
    pair = rows.requires_grad_(), columns.requires_grad_()
    for mine, theirs in zip(weighted(best_products, *pair), weighted(reference, *pair), strict=True):
        # torch multiplies all rows by their share of the gradient, 0 mostly: that is NaN for infinity.
        torch.testing.assert_close(mine[~theirs.isnan()], theirs[~theirs.isnan()])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_in_single(dtype: torch.dtype, used: set[str]) -> None:
    rows, columns = (each.detach() for each in operands(dtype))
    exact = reference(rows.double(), columns.double())
    found = best_products(rows, columns)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), exact, rtol=1e-2, atol=1e-2)
    assert is_of_the_pool(used)


def test_two_runs_agree_to_the_last_bit() -> None:
    pair = operands(torch.float32)
    for first, second in zip(weighted(best_products, *pair), weighted(best_products, *pair), strict=True):
        assert torch.equal(first, second)


def test_gradients_are_the_same_with_any_number_of_workers() -> None:
    rows, columns = operands(torch.float32)
    best, winners = products.largest_with_rows(rows.detach(), columns.detach())
    grad = torch.rand_like(best)
    found = []
    for count in (1, 2, WORKERS):
        torch.set_num_threads(count)
        found.append(gradients.gradients(grad, rows.detach(), columns.detach(), winners, True, True))
    for to_rows, to_columns in found[1:]:
        assert torch.equal(to_rows, found[0][0])  # type: ignore[arg-type]
        assert torch.equal(to_columns, found[0][1])  # type: ignore[arg-type]


def test_the_pool_has_the_threads_that_torch_has_now(used: set[str]) -> None:
    pair = [each.detach() for each in operands()]
    for count in (2, WORKERS):
        torch.set_num_threads(count)
        best_products(*pair)
        assert workers.pool.threads == count
        assert torch.get_num_threads() == count
    torch.set_num_threads(1)
    used.clear()
    best_products(*pair)
    assert used == {"MainThread"}


def test_a_later_thread_starts_with_all_threads() -> None:
    best_products(*(each.detach() for each in operands()))
    found: list[int] = []
    later = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert found == [WORKERS]


class Watching(TorchDispatchMode):
    """A mode that sees every operation of its thread."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        return func(*args, **(kwargs or {}))


def in_a_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call, name="theirs")
    thread.start()
    thread.join()


def in_a_mode(call: Callable[[], object]) -> None:
    with Watching():
        call()


def under_autocast(call: Callable[[], object]) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        call()


@pytest.mark.parametrize("surrounding", [in_a_thread, in_a_mode, under_autocast])
def test_who_gets_no_workers(surrounding: Callable[..., None], used: set[str]) -> None:
    pair = operands(torch.float32)
    surrounding(lambda: weighted(best_products, *pair))
    assert used
    assert used <= {"MainThread", "theirs"}


def test_a_compiled_graph_has_no_workers(used: set[str]) -> None:
    pair = operands(torch.float32)
    found = torch.compile(best_products, fullgraph=True, backend="aot_eager")(*pair)
    torch.testing.assert_close(found, reference(*pair))
    assert not used


class Own(Tensor):
    """A subclass, whose operations are its own."""


def test_a_subclass_has_no_workers(used: set[str]) -> None:
    rows, columns = (each.detach().as_subclass(Own) for each in operands())
    torch.testing.assert_close(best_products(rows, columns), reference(rows, columns))
    assert used == {"MainThread"}


def test_an_error_of_a_worker_reaches_the_caller() -> None:
    def fail(_: Iterator[int]) -> None:
        raise ValueError("of a worker")

    with pytest.raises(ValueError, match="of a worker"):
        workers.share(fail, range(5), WORKERS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_starts_workers_of_its_own() -> None:
    rows, columns = (each.detach() for each in operands())
    expected = best_products(rows, columns)
    child = os.fork()
    if child == 0:
        inherited = workers.pool.executor is not None
        agree = torch.equal(best_products(rows, columns), expected)
        os._exit(0 if agree and not inherited else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Maxima(Dataset[Tensor]):
    """Maxima that the worker of a loader computes."""

    def __getitem__(self, index: int) -> Tensor:
        best = best_products(*(each.detach() for each in operands())) * (index + 1)
        assert workers.pool.executor is None or torch.get_num_threads() > 1
        return best

    def __len__(self) -> int:
        return 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_the_worker_of_a_loader_computes_alone() -> None:
    """Torch gives such a process one thread."""
    expected = best_products(*(each.detach() for each in operands()))
    loader = DataLoader(Maxima(), batch_size=None, num_workers=2, multiprocessing_context="fork")
    for index, found in enumerate(loader):
        torch.testing.assert_close(found, expected * (index + 1))


def test_the_environment_fixes_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    b, e, n, c, p = SIZES
    rows, columns = (each.detach() for each in operands())
    monkeypatch.setenv(sizes.VARIABLE, "32x40")
    laid_out = sizes.layout((b, e, n, p), c, WORKERS, rows)
    assert (laid_out.height, laid_out.entries) == (32, 32 * 40)
    assert {at_p.stop - at_p.start for _, _, at_p in laid_out.tiles} == {40}
    torch.testing.assert_close(best_products(rows, columns), reference(rows, columns))


def test_tiles_that_nobody_can_read_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes.fixed_tiles.cache_clear()
    monkeypatch.setenv(sizes.VARIABLE, "128")
    with pytest.warns(RuntimeWarning) as caught:
        sizes.layout((2, 3, 70, 90), 5, WORKERS, torch.ones(1))
    assert str(caught[0].message) == (
        "TYPED_EINSUM_TILES is '128'; expected the rows and columns of a tile, such as 128x1600. "
        "It is ignored."
    )


@pytest.mark.parametrize(("text", "expected"), [("2048K\n", 2**21), ("64K\n", 2**19), ("", 2**20)])
def test_the_cache_is_what_the_system_says_within_bounds(
    text: str, expected: int, monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    file = sizes.CACHE.__class__(tmp_path) / "size"
    if text:
        file.write_text(text)
    monkeypatch.setattr(sizes, "CACHE", file)
    sizes.core_cache.cache_clear()
    try:
        assert sizes.core_cache() == expected
    finally:
        sizes.core_cache.cache_clear()
