"""Makes the distributions of a release: `python packaging/wheels.py` writes the sdist and all wheels into dist/.

Every wheel is built from the source distribution. Those with the native library are compiled by zig, for all platforms
on any of them: `pip install hatchling ziglang`. The wheel without it serves all others.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Platform:
    """What zig compiles for, and the library that has to come out of it."""

    tag: str
    target: str
    library: str
    machine: str


PLATFORMS = (
    Platform("manylinux_2_17_x86_64", "x86_64-linux-gnu.2.17", "_aecodec.so", "ELF x86_64"),
    Platform("manylinux_2_17_aarch64", "aarch64-linux-gnu.2.17", "_aecodec.so", "ELF aarch64"),
    Platform("musllinux_1_2_x86_64", "x86_64-linux-musl", "_aecodec.so", "ELF x86_64"),
    Platform("musllinux_1_2_aarch64", "aarch64-linux-musl", "_aecodec.so", "ELF aarch64"),
    Platform("win_amd64", "x86_64-windows-gnu", "_aecodec.dll", "PE x86_64"),
    Platform("win_arm64", "aarch64-windows-gnu", "_aecodec.dll", "PE aarch64"),
    Platform("macosx_11_0_x86_64", "x86_64-macos.11.0", "_aecodec.dylib", "Mach-O x86_64"),
    Platform("macosx_11_0_arm64", "aarch64-macos.11.0", "_aecodec.dylib", "Mach-O aarch64"),
)
ELF = {62: "x86_64", 183: "aarch64"}
PE = {0x8664: "x86_64", 0xAA64: "aarch64"}
MACH_O = {0x01000007: "x86_64", 0x0100000C: "aarch64"}


def machine_of(library: bytes) -> str:
    """Object format and processor of a shared library, by its header; ValueError for anything else."""
    if library[:6] == b"\x7fELF\x02\x01":
        kind, machines, at, size = "ELF", ELF, 18, 2
    elif library[:2] == b"MZ":
        kind, machines, at, size = "PE", PE, int.from_bytes(library[60:64], "little") + 4, 2
    elif library[:4] == b"\xcf\xfa\xed\xfe":
        kind, machines, at, size = "Mach-O", MACH_O, 4, 4
    else:
        raise ValueError("not a shared library that is known here")
    number = int.from_bytes(library[at : at + size], "little")
    if number not in machines:
        raise ValueError(f"{kind} for an unknown processor, number {number}")
    return f"{kind} {machines[number]}"


def check(wheel: Path, platform: Platform | None) -> None:
    """Raise ValueError unless a wheel is what its platform, or None for any, says."""
    tag = f"py3-none-{platform.tag if platform else 'any'}"
    if not wheel.name.endswith(f"-{tag}.whl"):
        raise ValueError(f"{wheel.name}: the name does not end in {tag}")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        libraries = [name for name in names if Path(name).suffix in {".so", ".dll", ".dylib", ".pyd", ".pdb", ".lib"}]
        (information,) = (name for name in names if name.endswith(".dist-info/WHEEL"))
        tags = [line for line in archive.read(information).decode().splitlines() if line.startswith("Tag: ")]
        if tags != [f"Tag: {tag}"]:
            raise ValueError(f"{wheel.name}: its WHEEL has {', '.join(tags)}")
        expected = [f"aecodec/native/{platform.library}"] if platform else []
        if libraries != expected:
            raise ValueError(f"{wheel.name}: it has the libraries {libraries}, not {expected}")
        if platform and (machine := machine_of(archive.read(expected[0]))) != platform.machine:
            raise ValueError(f"{wheel.name}: its library is {machine}, not {platform.machine}")


def hatchling(kind: str, source: Path, folder: Path, **variables: str) -> Path:
    """Build a distribution into a folder that has none yet."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    done = subprocess.run(command, cwd=source, env={**os.environ, **variables}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{kind} {variables.get('AECODEC_BUILD_TAG', '')} could not be built:\n{done.stdout}{done.stderr}")
    (built,) = folder.iterdir()
    return built


def build_wheel(sdist: Path, platform: Platform | None, folder: Path) -> Path:
    """Build the wheel of a platform, or without the library for None, into a folder, and check it."""
    variables = {"AECODEC_BUILD_NATIVE": "0"}
    if platform:
        variables = {
            "AECODEC_BUILD_NATIVE": "1",
            "AECODEC_BUILD_TARGET": platform.target,
            "AECODEC_BUILD_TAG": platform.tag,
        }
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(sdist) as archive:  # anew for each wheel: none finds the library of another
            archive.extractall(Path(scratch, "source"), filter="data")
        (source,) = Path(scratch, "source").iterdir()
        made = hatchling("wheel", source, Path(scratch, "wheel"), **variables)
        check(made, platform)
        folder.mkdir(exist_ok=True)
        return Path(shutil.move(made, folder / made.name))


def main() -> None:
    """Build everything."""
    dist = ROOT / "dist"
    if dist.is_dir() and any(dist.iterdir()):
        sys.exit("dist/ is not empty: remove what is in it first")
    sdist = hatchling("sdist", ROOT, dist)
    print(sdist.name, flush=True)
    for platform in (None, *PLATFORMS):
        print(build_wheel(sdist, platform, dist).name, flush=True)


if __name__ == "__main__":
    main()
