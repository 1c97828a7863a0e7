"""What packaging/wheels.py accepts as a wheel, and one that it makes for another platform."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
ELF_AARCH64 = b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + b"\xb7\0"
ELF_X86_64 = b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + b"\x3e\0"
PE_X86_64 = b"MZ".ljust(60, b"\0") + b"\x40\0\0\0" + b"PE\0\0\x64\x86"
MACH_O_AARCH64 = b"\xcf\xfa\xed\xfe\x0c\0\0\x01"


@pytest.fixture(scope="module")
def wheels() -> ModuleType:
    specification = importlib.util.spec_from_file_location("wheels", ROOT / "packaging" / "wheels.py")
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # its dataclasses look themselves up
    specification.loader.exec_module(module)
    return module


def wheel(folder: Path, name_tag: str, tag: str, **libraries: bytes) -> Path:
    path = folder / f"aecodec-1.0-py3-none-{name_tag}.whl"
    with ZipFile(path, "w") as archive:
        archive.writestr("aecodec-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: py3-none-{tag}\n")
        for suffix, content in libraries.items():
            archive.writestr(f"aecodec/native/_aecodec.{suffix}", content)
    return path


@pytest.mark.parametrize(
    "header, machine",
    [
        (ELF_AARCH64, "ELF aarch64"),
        (ELF_X86_64, "ELF x86_64"),
        (PE_X86_64, "PE x86_64"),
        (MACH_O_AARCH64, "Mach-O aarch64"),
    ],
)
def test_headers_say_the_machine(header: bytes, machine: str, wheels: ModuleType) -> None:
    assert wheels.machine_of(header + bytes(99)) == machine


@pytest.mark.parametrize("header", [b"", b"!<arch>\n", b"\x7fELF\x01\x01", ELF_X86_64[:18] + b"\x16\0"])
def test_headers_of_anything_else_are_refused(header: bytes, wheels: ModuleType) -> None:
    with pytest.raises(ValueError):
        wheels.machine_of(header + bytes(99))


def test_wheels_are_what_their_tags_say(tmp_path: Path, wheels: ModuleType) -> None:
    (platform,) = (one for one in wheels.PLATFORMS if one.tag == "musllinux_1_2_aarch64")
    tag = platform.tag
    wheels.check(wheel(tmp_path, tag, tag, so=ELF_AARCH64), platform)
    wheels.check(wheel(tmp_path, "any", "any"), None)
    wrong = {
        "does not end in": ("any", tag, {"so": ELF_AARCH64}),
        "its WHEEL has": (tag, "any", {"so": ELF_AARCH64}),
        "it has the libraries": (tag, tag, {"so": ELF_AARCH64, "dll": PE_X86_64}),
        "ELF x86_64, not ELF aarch64": (tag, tag, {"so": ELF_X86_64}),
    }
    for message, (name_tag, inner, libraries) in wrong.items():
        with pytest.raises(ValueError, match=message):
            wheels.check(wheel(tmp_path, name_tag, inner, **libraries), platform)
    with pytest.raises(ValueError, match="it has the libraries"):
        wheels.check(wheel(tmp_path, "any", "any", so=ELF_X86_64), None)


@pytest.mark.slow
def test_a_wheel_for_another_platform_is_built_from_the_source_distribution(tmp_path: Path, wheels: ModuleType) -> None:
    pytest.importorskip("hatchling")
    pytest.importorskip("ziglang", reason="ziglang, the compiler for other platforms, is not installed")
    sdist = wheels.hatchling("sdist", ROOT, tmp_path / "sdist")
    (platform,) = (one for one in wheels.PLATFORMS if one.tag == "musllinux_1_2_aarch64")
    made = wheels.build_wheel(sdist, platform, tmp_path / "wheels")
    assert made.name.endswith("-py3-none-musllinux_1_2_aarch64.whl") and list(made.parent.iterdir()) == [made]
