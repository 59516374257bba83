"""`typed-einsum check`: files in, findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from typed_einsum.cli.files import files_at
from typed_einsum.cli.listing import Listing
from typed_einsum.cli.observed import Observed
from typed_einsum.cli.settings import Settings
from typed_einsum.cli.static import Reading
from typed_einsum.cli.statuses import COULD_NOT_RUN
from typed_einsum.testing.process.outcome import Outcome
from typed_einsum.testing.process.supervisor import Supervisor, WorkerFailed

NEXT = (
    "Next: `typed-einsum run -m pytest` observes the calls that your tests make, `report` judges them, "
    "and `html` shows the shapes beside the source"
)


def run_check(paths: Sequence[Path], settings: Settings, *, verbose: bool) -> int:
    """Check files and folders, and print what is found; the exit status."""
    listing = Listing(settings, verbose)
    files = files_at(paths, listing)
    observed = Observed.near(Path.cwd(), settings)
    supervisor = Supervisor(settings.time_limit, settings.memory_limit)
    reading, unread = Reading(), dict(files)
    try:
        for number, (file, shown) in enumerate(files.items(), 1):
            listing.progress(f"{number}/{len(files)} {shown}")
            if not _checked(supervisor, file, shown, listing, observed):
                for outcome in reading.outcomes(file, unread.pop(file)):
                    if outcome.kind != "failed":  # said already
                        listing.add(outcome)
    finally:
        supervisor.close()
        listing.progress("")
    if supervisor.functions and not supervisor.annotated:
        return _without_annotations(reading, unread, listing)
    listing.finish(listing.summary(supervisor.annotated, supervisor.functions))
    return listing.status()


def _checked(supervisor: Supervisor, file: Path, shown: str, listing: Listing, observed: Observed) -> bool:
    """List what a file comes to; whether it could be imported."""
    is_imported = True
    try:
        for outcome in supervisor.check(file):
            is_imported &= outcome.kind != "failed"
            for each in observed.instead_of(outcome):
                listing.add(listing.unless_repeated(each, shown))
        for each in observed.besides(file):
            listing.add(each)
    except WorkerFailed as error:
        listing.add(Outcome("failed", shown, text=str(error)))
    return is_imported


def _without_annotations(reading: Reading, files: Mapping[Path, str], listing: Listing) -> int:
    """Judge the equations of files in which no function says its shapes, and say what to do next."""
    for file, shown in files.items():
        for outcome in reading.outcomes(file, shown):
            listing.add(outcome)
    listing.finish(f"{listing.findings()}; {reading}\n{NEXT}")
    return listing.status() or COULD_NOT_RUN
