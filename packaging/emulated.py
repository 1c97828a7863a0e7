"""Runs the conformance suite on another processor: `python packaging/emulated.py aarch64`, or s390x, on Debian.

QEMU's user-mode emulation runs Debian's Python of that processor, which is unpacked into a temporary folder; nothing is
installed. On aarch64 NumPy, Pillow, zstandard and click are those of PyPI, and aecodec is the wheel in dist/ that
`wheels.py` made. On s390x, which is big-endian, they are Debian's, and aecodec is this checkout with a library that zig
compiles. Needs qemu-user, apt-get, dpkg, pip, and for s390x ziglang.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "python3.11"
PLATFORMS = ("manylinux_2_17_aarch64", "manylinux2014_aarch64", "manylinux_2_27_aarch64", "manylinux_2_28_aarch64")
PROGRAM = """
import platform, sys
from pathlib import Path
import numpy
from aecodec import native
from aecodec.conformance import runner
from aecodec.conformance.suite import Suite
if native.library() is None:
    sys.exit(native.reason())
suite = Suite.read(Path(sys.argv[1]))
wrong = runner.run_own(suite, suite.rows, ["native", "numpy"], lambda *done: None)
path = native.paths()[native.path()]
where = f"{platform.machine()}, {sys.byteorder}-endian, Python {platform.python_version()}, NumPy {numpy.__version__}"
print(f"{where}, code path {path}: {len(wrong)} failures in the {len(suite.rows)} files of the conformance suite")
sys.exit("\\n".join(f"{failure.file}: {failure.what}" for failure in wrong) or 0)
"""


@dataclass(frozen=True)
class Machine:
    """A processor: its name in Debian, the packages that are unpacked, and the values of AECODEC_NATIVE_PATH."""

    debian: str
    packages: tuple[str, ...]
    paths: tuple[str, ...]


MACHINES = {
    "aarch64": Machine("arm64", (PYTHON, "libstdc++6"), ("neon", "generic")),
    "s390x": Machine(
        "s390x", (PYTHON, "python3-numpy", "python3-pil", "python3-zstandard", "python3-click"), ("generic",)
    ),
}


def unpack(machine: Machine, scratch: Path) -> Path:
    """Download Debian's packages with all that they need, and unpack them, by an apt that knows of no others."""
    for folder in ("state/lists/partial", "cache/archives/partial", "root"):
        (scratch / folder).mkdir(parents=True)
    (scratch / "status").touch()
    settings = {
        "APT::Architecture": machine.debian,
        "APT::Architectures::": machine.debian,
        "APT::Install-Recommends": "0",
        "Dir::State": scratch / "state",
        "Dir::State::status": scratch / "status",
        "Dir::Cache": scratch / "cache",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "1",
    }
    apt = ["apt-get", "-qq", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "-y", "--download-only", *machine.packages], check=True, stdout=sys.stderr)
    for package in sorted((scratch / "cache/archives").glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, scratch / "root"], check=True)
    return scratch / "root"


def wheel_installed(folder: Path) -> dict[str, str]:
    """Install the wheel for aarch64, and what it needs, into a folder; the variables that have Python use it."""
    (wheel,) = ROOT.glob("dist/aecodec-*-manylinux_2_17_aarch64.whl")
    platforms = (word for name in PLATFORMS for word in ("--platform", name))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--only-binary=:all:", "--python-version", "3.11"]
    subprocess.run([*pip, *platforms, "--target", folder, wheel], check=True)
    return {"PYTHONPATH": str(folder)}


def checkout_compiled(folder: Path) -> dict[str, str]:
    """Compile the library for s390x; the variables that have Python use it and this checkout."""
    sys.path.insert(0, str(ROOT))
    from hatch_build import compile_library

    shutil.copytree(ROOT / "aecodec/native", folder)
    return {"PYTHONPATH": str(ROOT), "AECODEC_NATIVE": str(compile_library(folder, "s390x-linux-gnu"))}


def main() -> None:
    """Run the suite by every code path."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in MACHINES:
        sys.exit(f"usage: python packaging/emulated.py {'|'.join(MACHINES)}")
    machine = MACHINES[name]
    with tempfile.TemporaryDirectory() as scratch:
        root = unpack(machine, Path(scratch, "debian"))
        prepare = wheel_installed if name == "aarch64" else checkout_compiled
        variables = {"PYTHONDONTWRITEBYTECODE": "1", "AECODEC_THREADS": "1", **prepare(Path(scratch, "package"))}
        alternatives = (root / f"usr/lib/{name}-linux-gnu" / library for library in ("blas", "lapack"))
        libraries = f"LD_LIBRARY_PATH={':'.join(map(str, alternatives))}"  # links that dpkg -x does not make
        emulated = [
            f"qemu-{name}",
            "-L",
            root,
            "-E",
            libraries,
            root / "usr/bin" / PYTHON,
            "-c",
            PROGRAM,
            str(max(ROOT.glob("conformance/[0-9]"))),
        ]
        for path in machine.paths:
            environment = {**os.environ, **variables, "AECODEC_NATIVE_PATH": path}
            if subprocess.run(emulated, env=environment, cwd=scratch).returncode:
                sys.exit(f"{name}: code path {path} failed")


if __name__ == "__main__":
    main()
