"""The README of an sdist as the index renders it: `python .ci/readme.py dist/typed_einsum-0.2.0.tar.gz`.

Fails if it does not render, or if a link or a picture in it leads to a file, which the index does not have.
"""

from __future__ import annotations

import re
import sys
import tarfile
from email import message_from_bytes

from readme_renderer.markdown import render


def description(sdist: str) -> str:
    """The long description in the metadata of an sdist."""
    with tarfile.open(sdist) as archive:
        (name,) = (name for name in archive.getnames() if re.fullmatch(r"[^/]+/PKG-INFO", name))
        member = archive.extractfile(name)
        assert member is not None
        message = message_from_bytes(member.read())
    if message["Description-Content-Type"] != "text/markdown":
        raise SystemExit(f"the description is {message['Description-Content-Type']}, not text/markdown")
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8")


def faults(markdown: str) -> list[str]:
    """What is wrong with a description on the index."""
    html = render(markdown)
    if html is None:
        return ["it does not render"]
    targets = re.findall(r'(?:href|src)="([^"]*)"', html)
    found = [f"{target} is no address" for target in targets if not re.match(r"https://|#", target)]
    return found + ([] if "<h1" in html and "<pre" in html else ["a heading or a block of code is lost"])


def main() -> None:
    """Check the sdist that is named."""
    found = faults(description(sys.argv[1]))
    if found:
        raise SystemExit("\n".join(found))
    print("README.md renders, and its links are addresses")


if __name__ == "__main__":
    main()
