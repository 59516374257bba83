"""The font of formulas on the site: `python docs/scripts/maths_font.py STIX-TWO-MATH` writes a subset.

STIX Two Math is in the npm package `@fontsource/stix-two-math`, under the SIL Open Font License, without
a reserved name. Its whole is 400 kB; formulas here need letters, Greek, digits and some signs. Needs
`fonttools` and `brotli`.
"""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "assets" / "fonts"
FAMILY = "Typed Einsum Math"

LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SIGNS = " ()[]{}|,.:;=+-−·×∗*/<>≤≥≠≈∈∑∏∫√∂∞⊤⊗⊙∘′″¯ˉ̄^̂~…⋯→←↦‖∥⟨⟩!&#_"  # noqa: RUF001 (signs of formulas)
GREEK = "αβγδεζηθικλμνξοπρστυφχψωϵϕΓΔΘΛΞΠΣΦΨΩ"
ITALIC = "".join(map(chr, range(0x1D434, 0x1D468))) + "ℎ" + "".join(map(chr, range(0x1D6FC, 0x1D71C)))  # noqa: RUF001
"""What browsers show for a single letter in `<mi>`."""


def subset(source: Path, target: Path) -> None:
    """Write the characters above, with what makes signs grow, as WOFF2."""
    from fontTools.subset import Options, Subsetter  # nothing else here needs fonttools
    from fontTools.ttLib import TTFont

    font = TTFont(source)
    options = Options(flavor="woff2", layout_features=["ssty", "math", "kern"], notdef_outline=True)
    subsetter = Subsetter(options)
    subsetter.populate(text=LATIN + SIGNS + GREEK + ITALIC)
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 4, 6, 16):
            name = FAMILY.replace(" ", "") if record.nameID == 6 else FAMILY
            font["name"].setName(name, record.nameID, record.platformID, record.platEncID, record.langID)
    font.flavor = "woff2"
    font.save(target)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    subset(Path(sys.argv[1]), FOLDER / "maths.woff2")
    print(FOLDER / "maths.woff2", (FOLDER / "maths.woff2").stat().st_size)
