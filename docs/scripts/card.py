"""The picture that shows where a page is linked: `python docs/scripts/card.py` writes docs/assets/card.png.

The equation, its formula and its wires come from the library; Chromium turns the page into a picture.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from typed_einsum import explain

ASSETS = Path(__file__).parent.parent / "assets"
WIDTH, HEIGHT = 1200, 630
EQUATION = "b m c h w, b n m c -> b m h w"
SIZES = {"b": 2, "m": 8, "c": 32, "h": 20, "w": 20, "n": 80}

PAGE = """<!doctype html><meta charset="utf-8"><style>
@font-face {{ font-family: Maths; src: url("{font}") }}
* {{ margin: 0; box-sizing: border-box }}
body {{ width: {width}px; height: {height}px; padding: 64px 72px; background: #10243c; color: #e6e9ee;
  font-family: system-ui, sans-serif; display: grid; grid-template-columns: 1fr 420px; gap: 20px;
  --einsum-surface: #10243c }}
h1 {{ font-size: 68px; white-space: nowrap; display: flex; align-items: center; gap: 26px }}
h1 img {{ width: 96px }}
p {{ font-size: 33px; line-height: 1.35; color: #c3cad4; margin-top: 38px }}
math {{ font-family: Maths, math; font-size: 42px; margin-top: 54px; display: block }}
.role-batch {{ color: #82bcff }} .role-free {{ color: #7bd397 }} .role-contracted {{ color: #ff9a8f }}
.role-maximised {{ color: #d3a8ff }}
figure {{ align-self: center }}
svg {{ width: 100%; height: auto }}
</style>
<body data-md-color-scheme="slate"><div><h1><img src="{mark}">typed-einsum</h1>
<p>The shape annotation you already write becomes the einsum, and its check.</p>{formula}</div>
<figure>{picture}</figure></body>"""


def page() -> str:
    """The card as HTML."""
    derivation = explain(EQUATION, SIZES, max="n", names=("X", "W", "S"))
    return PAGE.format(
        width=WIDTH,
        height=HEIGHT,
        font=(ASSETS / "fonts" / "maths.woff2").as_uri(),
        mark=(ASSETS / "favicon.svg").as_uri(),
        formula=derivation.to_mathml(),
        picture=derivation.to_svg(),
    )


def draw(target: Path) -> None:
    """Write the card as PNG."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("docs/scripts/card.py needs Chromium")
    with TemporaryDirectory() as folder:
        source = Path(folder, "card.html")
        source.write_text(page(), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--allow-file-access-from-files"]
        size = f"--window-size={WIDTH},{HEIGHT}"
        subprocess.run(
            [browser, *options, size, f"--screenshot={target}", source.as_uri()],
            check=True,
            capture_output=True,
            timeout=120,
        )


if __name__ == "__main__":
    draw(ASSETS / "card.png")
