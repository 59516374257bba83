"""Modules: torch gives a call the type Any, `forward` has its own."""

from typing import assert_type

from torch import Tensor

from typed_einsum.nn import (
    BNContrastiveHead,
    C2fAttn,
    ContrastiveHead,
    ImagePoolingAttn,
    MaxSigmoidAttnBlock,
)


def blocks(image: Tensor, texts: Tensor) -> None:
    block = MaxSigmoidAttnBlock(64, 64, nh=2, ec=64, gc=512, scale=True)
    result: Tensor = block(image, texts)
    assert_type(result, Tensor)
    assert_type(block.forward(image, texts), Tensor)
    assert_type(block.forward(image, vocabulary=texts), Tensor)
    assert_type(block.eval().encode_guide(texts), Tensor)
    assert_type(block.fuse(), MaxSigmoidAttnBlock)
    assert_type(block.train(), MaxSigmoidAttnBlock)
    assert_type(ContrastiveHead().forward(image, texts), Tensor)
    assert_type(BNContrastiveHead(64).forward(image, w=texts), Tensor)


def larger(image: Tensor, texts: Tensor) -> None:
    assert_type(C2fAttn(64, 64, n=2, ec=64, nh=2, gc=512).forward(image, texts), Tensor)
    assert_type(ImagePoolingAttn(ec=64, ch=(32,), ct=512, nh=2).forward([image], texts), Tensor)
