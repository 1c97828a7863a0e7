"""Builds the native library where there is a C compiler; without one, or where it fails, the package does without.

Variables: CC names the compiler. AECODEC_BUILD_NATIVE: "0" leaves the library out, "1" makes it an error if it cannot
be built. AECODEC_BUILD_TARGET and AECODEC_BUILD_TAG, of packaging/wheels.py: what to compile for, as zig names it, and
the platform tag of the wheel.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zlib
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = ("-std=c11", "-O3", "-fvisibility=hidden", "-ffp-contract=off", "-Wno-psabi", "-shared")
SUFFIXES = {"windows": ".dll", "macos": ".dylib"}
BUILD, TARGET, TAG = "AECODEC_BUILD_NATIVE", "AECODEC_BUILD_TARGET", "AECODEC_BUILD_TAG"


def compile_library(folder: Path, target: str = "") -> Path:
    """Compile the C files of a folder to a library beside them, with CC, or with zig for a target.

    Raises FileNotFoundError without a compiler, and CalledProcessError if it fails.
    """
    system = target or {"win32": "windows", "darwin": "macos"}.get(sys.platform, sys.platform)
    suffix = next((suffix for name, suffix in SUFFIXES.items() if name in system), ".so")
    library = folder / f"_aecodec{suffix}"
    portable = () if suffix == ".dll" else ("-fPIC",)
    stripped = ("-s",) if target and suffix != ".dylib" else ()
    sources = sorted(map(str, folder.glob("*.c")))
    with tempfile.TemporaryDirectory() as scratch:  # zig leaves more beside the library
        made = Path(scratch, library.name)
        known = f"-DAECODEC_SOURCES={_checksum(folder)}u"
        command = [*_compiler(target), *FLAGS, known, *portable, *stripped, *sources, "-o", str(made)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        library.unlink(missing_ok=True)  # a process may have the old one in use
        shutil.copy(made, library)
    return library


def _checksum(folder: Path) -> int:
    """As `aecodec.native.sources`, which this file cannot import."""
    found = 0
    for file in sorted(folder.glob("*.[ch]")):
        found = zlib.crc32(file.read_bytes(), found)
    return found


def _compiler(target: str) -> list[str]:
    if target:
        return [sys.executable, "-m", "ziglang", "cc", "-target", target]
    named = shlex.split(os.environ.get("CC", ""))
    found = named or [name for name in ("cc", "gcc", "clang") if shutil.which(name)][:1]
    if not found:
        raise FileNotFoundError("there is no C compiler")
    return found


class CustomBuildHook(BuildHookInterface[Any]):
    """Called by hatchling before it makes a wheel or an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; a wheel with the library is for one platform and for every Python."""
        wanted = os.environ.get(BUILD, "")
        if self.target_name != "wheel" or wanted == "0":
            return
        try:
            library = compile_library(Path(self.root, "aecodec", "native"), os.environ.get(TARGET, ""))
        except (OSError, subprocess.CalledProcessError) as error:
            if wanted == "1":
                raise
            why = getattr(error, "stderr", "") or str(error)
            self.app.display_warning(f"aecodec is installed without its native library, so it is slower: {why}")
            return
        platform = os.environ.get(TAG) or sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(f"/aecodec/native/{library.name}")
