"""Write the pictures of the home page and of both tutorials: `python docs/scripts/pictures.py`.

Those of the tutorial show the numbers of its own tensors, which `SOURCE` makes as the page does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import pages  # noqa: E402

HOMES = {"en": ROOT / "docs" / "index.md", "zh": ROOT / "docs" / "zh" / "index.md"}
TUTORIALS = {"en": ROOT / "docs" / "tutorial.md", "zh": ROOT / "docs" / "zh" / "tutorial.md"}

SOURCE = """\
torch.manual_seed(0)
a = torch.randint(-2, 4, (1, 2, 4, 5, 5)).float()
b = torch.randint(-2, 3, (1, 3, 2, 4)).float()
r = torch.einsum("bmchw,bnmc->bmhwn", a, b)
best = r.max(-1)[0]
weight = (best / 4**0.5).sigmoid()
value = torch.randint(-2, 5, (1, 2, 3, 5, 5)).float()
weighted = value * weight.unsqueeze(2)
"""
"""The lines of the tutorial that make its numbers; a test finds each of them on the page."""

WORDS = {
    "en": {
        "image": "image, 5 × 5 pixels",  # noqa: RUF001 (a sign of formulas)
        "pixel": "pixel, along c",
        "text": "text {}",
        "score": "score",
        "best": "max over n",
        "scores": "best score",
        "weights": "weight",
        "value": "value, channel 0",
        "weighted": "value · weight",
        "meeting": "The vector of the corner pixel, {}, meets three texts. Their dot products are {}.",
        "chosen": "Of the scores {} of the corner pixel, the largest is kept: {}.",
        "weighting": "Four grids of 5 by 5 pixels: best score, weight, value, and value times weight. "
        "In the corner they are {}.",
        "vocabulary": "one vocabulary: 80 texts",
        "half": "texts {} to {}",
        "lost": "never\ncompared",
        "split": "image {}",
        "scored": "40 scores",
        "halves": "Image 0 is compared with texts 0 to 39 only, image 1 with texts 40 to 79 only.",
    },
    "zh": {
        "image": "图像，5 × 5 个像素",  # noqa: RUF001
        "pixel": "像素，沿 c",  # noqa: RUF001
        "text": "文本 {}",
        "score": "得分",
        "best": "沿 n 取最大",
        "scores": "最高得分",
        "weights": "权重",
        "value": "值，第 0 通道",  # noqa: RUF001
        "weighted": "值 · 权重",
        "meeting": "角上像素的向量 {} 与三段文本做点积，得到 {}。",  # noqa: RUF001
        "chosen": "角上像素的得分是 {}，保留其中最大的：{}。",  # noqa: RUF001
        "weighting": "四个 5 × 5 的网格：最高得分、权重、值、值乘权重。角上的像素依次是 {}。",  # noqa: RUF001
        "vocabulary": "一张词表：80 段文本",  # noqa: RUF001
        "half": "文本 {} 到 {}",
        "lost": "从未\n比较",
        "split": "图像 {}",
        "scored": "40 个得分",
        "halves": "图像 0 只与文本 0 到 39 比较，图像 1 只与文本 40 到 79 比较。",  # noqa: RUF001
    },
}
"""What the pictures say, in the language of the page."""


def numbers() -> dict[str, Tensor]:
    """The tensors of the tutorial, by name."""
    names: dict[str, Tensor] = {}
    with torch.random.fork_rng():
        exec(SOURCE, {"torch": torch}, names)
    return names


def shown(number: float, digits: int = 0) -> str:
    """A number with so many digits after the point, and a true minus sign."""
    return f"{round(number, digits) + 0.0:.{digits}f}".replace("-", "−")  # noqa: RUF001


def listed(vector: Tensor) -> str:
    """A vector of whole numbers in brackets."""
    return f"[{', '.join(shown(number) for number in vector.tolist())}]"


def label(x: float, y: float, text: str, anchor: str = "middle") -> str:
    """One line of text; `y` is its baseline."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def cell(x: float, y: float, side: float, text: str, kind: str = "", shade: float = 0) -> str:
    """A square with a number in it; `shade` from 0 to 1 tells how dark it is."""
    fill = (
        f'<rect class="shade" x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}" opacity="{shade:.2f}"/>'
    )
    box = f'<rect class="cell {kind}" x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}"/>'
    return (fill if shade else "") + box + label(x + side / 2, y + side / 2 + 4, text)


def strip(x: float, y: float, vector: Tensor, kind: str) -> str:
    """A vector as a row of squares."""
    row = enumerate(vector.tolist())
    return "".join(cell(x + 25 * place, y, 25, shown(number), kind) for place, number in row)


def grid(x: float, y: float, image: Tensor, digits: int = 0) -> str:
    """An image as squares, darker where its number is larger, with the corner pixel marked."""
    low, high = image.min().item(), image.max().item()
    squares = [
        cell(
            x + 34 * column,
            y + 34 * row,
            34,
            shown(number, digits),
            shade=(number - low) / (high - low) * 0.4,
        )
        for row, line in enumerate(image.tolist())
        for column, number in enumerate(line)
    ]
    return "".join(squares) + f'<rect class="chosen" x="{x:g}" y="{y:g}" width="34" height="34"/>'


def arrow(points: str) -> str:
    """A path that ends in the head of an arrow."""
    return f'<path class="arrow" d="{points}" marker-end="url(#drawing-head)"/>'


def drawn(height: int, title: str, parts: Sequence[str]) -> str:
    """A picture of the common width, as a figure in one line."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 460 {height}">'
    inner = f"<title>{escape(title)}</title>{''.join(parts)}"
    return f'<figure class="drawing" data-search-exclude>{svg}{inner}</svg></figure>'


HEAD = (
    '<defs><marker id="drawing-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>'
)


def meeting(words: dict[str, str], made: dict[str, Tensor]) -> str:
    """The corner pixel of the image meets three texts: three dot products."""
    pixel, texts, scores = made["a"][0, 0, :, 0, 0], made["b"][0, :, 0], made["r"][0, 0, 0, 0]
    squares = [
        f'<rect class="cell" x="{5 + 22 * column}" y="{70 + 22 * row}" width="22" height="22"/>'
        for row in range(5)
        for column in range(5)
    ]
    parts = [HEAD, *squares, '<rect class="chosen" x="5" y="70" width="22" height="22"/>']
    parts += [
        label(60, 200, words["image"]),
        label(192, 102, words["pixel"]),
        strip(142, 110, pixel, "along"),
    ]
    parts += [arrow("M16 68V52H192V86")]
    for number, (text, score) in enumerate(zip(texts, scores.tolist(), strict=True)):
        y = 40 + 70 * number
        parts += [label(342, y - 8, words["text"].format(number)), strip(292, y, text, "along")]
        parts += [
            arrow(f"M246 123L288 {y + 13}"),
            arrow(f"M396 {y + 13}H416"),
            cell(420, y - 2.5, 30, shown(score)),
        ]
    parts += [label(435, 32, words["score"])]
    return drawn(220, words["meeting"].format(listed(pixel), listed(scores)), parts)


def chosen(words: dict[str, str], made: dict[str, Tensor]) -> str:
    """The largest of the three scores is kept. The head of the arrow is in `meeting`, on the same page."""
    scores, best = made["r"][0, 0, 0, 0], made["best"][0, 0, 0, 0]
    parts = [label(135, 22, words["score"]), label(330, 22, words["best"])]
    for number, score in enumerate(scores.tolist()):
        y = 32 + 36 * number
        kept = "kept" if score == best.item() else ""
        parts += [
            label(100, y + 20, words["text"].format(number), "end"),
            cell(118, y, 34, shown(score), kept),
        ]
    place = 32 + 36 * int(scores.argmax()) + 17
    parts += [arrow(f"M158 {place}H306"), cell(313, place - 17, 34, shown(best.item()), "kept")]
    return drawn(146, words["chosen"].format(listed(scores), shown(best.item())), parts)


def weighting(words: dict[str, str], made: dict[str, Tensor]) -> str:
    """From the best score to the weight, and from the value to the weighted value."""
    images = {
        "scores": made["best"][0, 0],
        "weights": made["weight"][0, 0],
        "value": made["value"][0, 0, 0],
        "weighted": made["weighted"][0, 0, 0],
    }
    digits = {"scores": 0, "weights": 2, "value": 0, "weighted": 1}
    spots = {"scores": (20, 28), "weights": (270, 28), "value": (20, 252), "weighted": (270, 252)}
    parts = []
    for name, image in images.items():
        x, y = spots[name]
        parts += [label(x + 85, y - 9, words[name]), grid(x, y, image, digits[name])]
    parts += [label(230, 102, "sigmoid"), arrow("M198 113H262"), arrow("M198 337H262")]
    parts += [arrow("M355 204V228")]
    corner = ", ".join(shown(image[0, 0].item(), digits[name]) for name, image in images.items())
    return drawn(430, words["weighting"].format(corner), parts)


def of_tutorial(language: str) -> dict[str, str]:
    """Every picture of the tutorial in this language, by the name of its markers."""
    made, words = numbers(), WORDS[language]
    drawings = {f"picture: {draw.__name__}": draw(words, made) for draw in (meeting, chosen, weighting)}
    return {**drawings, "picture: stepping": f"```einsum\n{fence()}\nsteps: example\n```"}


def fence() -> str:
    """The first lines of a fence whose example has the numbers of the tutorial."""
    made = numbers()
    arrays = ", ".join(json.dumps(made[name].int().tolist(), separators=(",", ":")) for name in "ab")
    return f"bmchw,bnmc->bmhwn\nnames: a, b, r\nexample: {arrays}"


def halves(words: dict[str, str]) -> str:
    """The bug of the home page: a vocabulary that `view` cuts in two, one half for each image."""
    parts = [HEAD, label(230, 20, words["vocabulary"])]
    for number in range(2):
        x, middle, other = 20 + 220 * number, 120 + 220 * number, 340 - 220 * number
        bar = f'x="{x}" y="30" width="200" height="30"'
        parts += [
            f'<rect class="shade" {bar} opacity="{0.35 - 0.2 * number:.2f}"/>',
            f'<rect class="cell" {bar}/>',
            label(middle, 49, words["half"].format(40 * number, 40 * number + 39)),
            f'<path class="lost" d="M{middle} 64L{other} 126"/>',
            arrow(f"M{middle} 64V126"),
            f'<rect class="chosen" x="{middle - 45}" y="132" width="90" height="60"/>',
            label(middle, 158, words["split"].format(number)),
            label(middle, 176, words["scored"]),
        ]
    above, below = words["lost"].splitlines()
    return drawn(200, words["halves"], [*parts, label(230, 84, above), label(230, 118, below)])


def written() -> dict[Path, dict[str, str]]:
    """The pictures of each page."""
    homes = {page: {"picture: halves": halves(WORDS[language])} for language, page in HOMES.items()}
    return homes | {page: of_tutorial(language) for language, page in TUTORIALS.items()}


if __name__ == "__main__":
    for page, contents in written().items():
        pages.fill(page, contents)
