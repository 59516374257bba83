"""What `typed-einsum html` writes of a published model: `python docs/scripts/demo.py` fills docs/assets/demo.

The model is a small decoder of x-transformers, of the version that the group `demo` in pyproject.toml names.
Its source is shown as it is, under its MIT license, which is copied beside the pages. The folder is not in
the repository: 1 MB.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

TARGET = Path(__file__).parents[2] / "docs" / "assets" / "demo"
PACKAGE = "x_transformers"
COMMAND = "from typed_einsum.cli import main; raise SystemExit(main())"
PROGRAM = """
import torch
from x_transformers import Decoder, TransformerWrapper

torch.manual_seed(0)
layers = Decoder(dim=96, depth=2, heads=4, attn_dim_head=32, rotary_pos_emb=True)
model = TransformerWrapper(num_tokens=1000, max_seq_len=64, attn_layers=layers)
model(torch.randint(0, 1000, (2, 21)))
"""


def main() -> None:
    """Run the model in a folder of its own, so that no page has a path of this machine."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        sys.exit("docs/scripts/demo.py needs x-transformers: pip install --group demo")
    with TemporaryDirectory() as folder:
        shutil.copytree(spec.submodule_search_locations[0], Path(folder, PACKAGE))
        Path(folder, "demo.py").write_text(PROGRAM, encoding="utf-8")
        for words in (["run", "--source", PACKAGE, "demo.py"], ["html", "--output", "demo"]):
            subprocess.run([sys.executable, "-c", COMMAND, *words], cwd=folder, check=True, timeout=600)
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(Path(folder, "demo"), TARGET)
    found = distribution("x-transformers")
    for file in found.files or ():
        if file.name == "LICENSE":
            shutil.copy(str(file.locate()), TARGET / "LICENSE.txt")
    print(TARGET, f"x-transformers {found.version}")


if __name__ == "__main__":
    main()
