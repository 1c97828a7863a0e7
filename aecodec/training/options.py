"""Options of a training run, checked in one place and shared by ladders, lossless stages and classics."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aecodec.images import distortions


@dataclass(frozen=True)
class Distortion:
    """A distortion that is applied to pictures before they are coded.

    With ``denoising``, the loss compares the decoded pictures with the clean ones, otherwise with the distorted ones.
    """

    mixture: distortions.Mixture
    denoising: bool

    def apply(self, pictures: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Return (distorted,) or, for denoising, (distorted, clean) pictures (N, H, W, C) uint8."""
        distorted = self.mixture.apply(pictures, random)
        return (distorted, pictures) if self.denoising else (distorted,)


@dataclass(frozen=True)
class TrainingOptions:
    """Options of ``aec train``. ``None`` stands for the default of the preset.

    ``data``: sources, each ``PATH[,PATH...][@WEIGHT]``. ``output``: the model file to write. ``name``: name and version
    of the model, by default those of the file. ``validation``: tiles to hold out of the first source. ``crops``: crops
    of each picture that is larger than a tile. ``balance``: draw every class equally often. ``init``: model file to
    start from; its shape replaces the preset's unless ``reshape`` is set. ``distort``, ``denoise``: specification of a
    distortion, see ``aecodec.images.distortions``. ``base``, ``finish``: model file whose lossless stage, or finishing
    network, is trained; the rest stays as it is. ``checkpoints``: folder of the checkpoint and the log. ``latent``:
    elements of a classic's dense latent. ``note``: a remark for the card.

    Raises ``ValueError`` for ``reshape`` without ``init``, and for options that such a stage on top of a model lacks.
    """

    data: tuple[str, ...]
    output: Path
    preset: str
    name: str | None = None
    steps: int | None = None
    learning_rate: float | None = None
    augmentation: str | None = None
    validation: int = 1000
    crops: int = 64
    balance: bool = False
    seed: int = 0
    init: Path | None = None
    reshape: bool = False
    distort: str | None = None
    denoise: str | None = None
    base: Path | None = None
    finish: Path | None = None
    resume: bool = False
    checkpoints: Path | None = None
    latent: int | None = None
    note: str | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        stage = "lossless" if self.base else "finish"
        for option in ("reshape", "distort", "denoise") if self.base or self.finish else ():
            if getattr(self, option):
                raise ValueError(f"--{stage} trains on a model as it is: leave out --{option}")
        if self.base and self.finish:
            raise ValueError("--finish and --lossless are two runs, in any order")
        if self.reshape and not self.init:
            raise ValueError("--reshape is for a model to start from: name it with --init")

    @property
    def model_name(self) -> str:
        """Name and version of the model, like digits-1."""
        return self.name or self.output.stem

    @property
    def folder(self) -> Path:
        """Folder of the checkpoint and the log."""
        return self.checkpoints or self.output.with_name(self.output.name + ".training")

    @property
    def verbosity(self) -> int:
        """Verbosity of Keras: 0 for none, 1 for progress bars on a terminal, 2 for a line per epoch elsewhere."""
        return (1 if sys.stderr.isatty() else 2) if self.progress else 0

    def distortion(self) -> Distortion | None:
        """Parse ``distort`` or ``denoise``; raises ``ValueError`` for both and for a bad specification."""
        if self.distort and self.denoise:
            raise ValueError("a model is trained on distorted pictures or to denoise them, not both")
        spec = self.distort or self.denoise
        return Distortion(distortions.parse(spec), denoising=bool(self.denoise)) if spec else None

    def require_classic(self) -> None:
        """Raise ``ValueError`` for options that a classic, trained as its authors do it, does not have."""
        excluded = {
            "a learning rate": self.learning_rate,
            "--balance": self.balance,
            "--init": self.init,
            "--reshape": self.reshape,
            "--distort": self.distort,
            "--denoise": self.denoise,
        }
        given = [what for what, value in excluded.items() if value]
        if given:
            raise ValueError(f"{self.preset} is trained as its authors do it, without {given[0]}")
