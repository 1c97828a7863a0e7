"""Writes the conformance suite of the current version of the format: `python conformance/make.py`.

The suite is in the folder of its version. --add adds the files that it does not have yet, such as those of a new
bundled model. --force writes all of it again, unless it is frozen (conformance/frozen.py): then no file ever is.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from aecodec.conformance.suite import (  # noqa: E402
    MODELS,
    Suite,
    SuiteWriter,
    default_folder,
    models_from,
    write_manifest,
)
from aecodec.format import container  # noqa: E402
from conformance import invalid_files, valid_files  # noqa: E402
from conformance.frozen import FROZEN, files_of, manifest  # noqa: E402


def write(folder: Path) -> Suite:
    """Write the suite to a folder that has none."""
    writer = SuiteWriter(folder)
    files = valid_files.models()
    for data in files:
        writer.add_model(data)
    models = valid_files.loaded(files)
    with models_from(folder / MODELS):
        for name, data in valid_files.all_files(models):
            writer.add(name, data)
        for case in invalid_files.all_files(models):
            writer.add_invalid(case.name, case.data, case.failure, case.reason, case.model)
        return writer.finish()


def add(folder: Path, more: Path) -> None:
    """Add to the suite in a folder what another one has beyond it."""
    rows, others = manifest(folder), manifest(more)
    known = {row["file"]: row for part in rows.values() for row in part}
    for row in others["models"]:
        if known.get(row["file"], row) != row:
            sys.exit(f"{row['file']} is another model now: files to add need it under another name")
    for part, found in others.items():
        new = [row for row in found if row["file"] not in known]
        for path in (path for row in new for path in files_of(more, row)):
            target = folder / path.relative_to(more)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        rows[part] += new
    write_manifest(folder, rows)


def main() -> None:
    """Write it where the package looks for it."""
    folder = default_folder()
    if not folder.exists():
        write(folder)
    elif "--add" in sys.argv[1:]:
        with TemporaryDirectory() as scratch:
            add(folder, write(Path(scratch) / "suite").folder)
    elif container.VERSION in FROZEN:
        sys.exit(f"{folder} exists already and is frozen: --add adds files to it, and none is written again")
    elif "--force" in sys.argv[1:]:
        shutil.rmtree(folder)
        write(folder)
    else:
        sys.exit(f"{folder} exists already: --force writes it again, --add adds files to it")
    made = Suite.read(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {len(made.rows)} files, {size:,} bytes")


if __name__ == "__main__":
    main()
