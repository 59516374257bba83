"""Operations on one tensor that name its axes: reductions (`softmax`, `mean`, `normalize`) and views."""

from typed_einsum.operations.reductions import mean, normalize, softmax
from typed_einsum.operations.views import rearrange, repeat

__all__ = ["mean", "normalize", "rearrange", "repeat", "softmax"]
