"""Writes the conformance suite of the current version of the format: `python conformance/make.py`.

The suite is in the folder of its version. While that is a draft, --force writes it again, for instance after a change
of the bundled models; the files of a frozen version are never written again.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DRAFT = 0
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from aecodec.conformance.suite import MODELS, Suite, SuiteWriter, default_folder, models_from  # noqa: E402
from aecodec.format import container  # noqa: E402
from conformance import invalid_files, valid_files  # noqa: E402


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


def main() -> None:
    """Write it where the package looks for it."""
    folder = default_folder()
    if folder.exists():
        if container.VERSION != DRAFT:
            sys.exit(f"{folder} is the suite of a frozen version: it is never written again")
        if "--force" not in sys.argv[1:]:
            sys.exit(f"{folder} exists already: --force writes it again")
        shutil.rmtree(folder)
    made = write(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {len(made.rows)} files, {size:,} bytes")


if __name__ == "__main__":
    main()
