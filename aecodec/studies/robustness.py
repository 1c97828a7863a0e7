"""The effect of distortions on a codec: bytes, and similarity to the distorted and the clean picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import aecodec
from aecodec import metrics
from aecodec.encoding.options import DEFAULT_EFFORT
from aecodec.evaluation.pages import table
from aecodec.images import distortions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Similarity:
    """PSNR in dB of the pooled error (infinite where equal), mean SSIM and mean UQI of two sets of pictures."""

    psnr: float
    ssim: float
    uqi: float

    @classmethod
    def of(cls, reference: Pictures, pictures: Pictures) -> Similarity:
        """Measure pictures (N, H, W, C), at least 11x11, against their reference."""
        return cls(
            metrics.pooled_psnr(reference, pictures),
            float(metrics.ssim(reference, pictures).mean()),
            float(metrics.uqi(reference, pictures).mean()),
        )


@dataclass(frozen=True)
class Result:
    """One model on pictures with one distortion. file_bytes: the mean of whole files."""

    distortion: str
    model: str
    file_bytes: float
    distorted_clean: Similarity  # of the distorted picture to the clean one: the strength of the distortion
    decoded_distorted: Similarity  # of the decoded picture to the one that was coded
    decoded_clean: Similarity  # of the decoded picture to the clean one

    @property
    def gain(self) -> float:
        """How much closer to the clean picture the decoded one is than the distorted one, in dB of PSNR."""
        return self.decoded_clean.psnr - self.distorted_clean.psnr

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON: None in place of an infinite PSNR."""
        found = asdict(self)
        for part in (found["distorted_clean"], found["decoded_distorted"], found["decoded_clean"]):
            part["psnr"] = part["psnr"] if np.isfinite(part["psnr"]) else None
        return found


@dataclass(frozen=True)
class Coding:
    """How pictures are coded in a study: quality (1 to 100) and effort (0 to 9); and the seed of the noise."""

    quality: int = 75
    effort: int = DEFAULT_EFFORT
    seed: int = 0


DEFAULT_CODING = Coding()


def distort(pictures: Pictures, spec: str, seed: int) -> Pictures:
    """Apply a distortion to pictures (N, H, W, C); the noise depends on the seed alone."""
    return distortions.parse(spec).apply(pictures, np.random.default_rng(seed))


def code(pictures: Pictures, model: str, coding: Coding) -> tuple[Pictures, float]:
    """Pictures (N, H, W, C) as a model decodes them, and the mean bytes of their files."""
    samples = pictures[..., 0] if pictures.shape[-1] == 1 else pictures
    files = aecodec.encode_many(list(samples), model=model, quality=coding.quality, effort=coding.effort)
    decoded = np.stack(aecodec.decode_many(files)).reshape(pictures.shape)
    return decoded, sum(map(len, files)) / len(files)


def measure(
    pictures: Pictures,
    models: Sequence[str],
    specs: Sequence[str] = distortions.STUDY,
    coding: Coding = DEFAULT_CODING,
    done: Callable[[Result], object] = lambda result: None,
) -> list[Result]:
    """Measure every distortion with every model, in the order of `specs`.

    pictures: clean ones, uint8 (N, H, W, C), at least 11x11. done: called with each result as soon as it is available.
    Raises AecError.
    """
    results = []
    for spec in specs:
        distorted = distort(pictures, spec, coding.seed)
        before = Similarity.of(pictures, distorted)
        for model in models:
            decoded, size = code(distorted, model, coding)
            similarities = before, Similarity.of(distorted, decoded), Similarity.of(pictures, decoded)
            results.append(Result(spec, model, size, *similarities))
            done(results[-1])
    return results


COLUMNS = ("distortion", "model", "bytes", "PSNR", "SSIM", "UQI", "PSNR", "SSIM", "UQI", "PSNR", "SSIM", "UQI", "gain")
ABOVE = ("", "", "", "distorted", "to clean", "", "decoded", "to distorted", "", "decoded", "to clean", "", "dB")


def rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """The rows of the table, with its two lines of headings."""
    found: list[tuple[str, ...]] = [ABOVE, COLUMNS]
    for r in results:
        parts = (r.distorted_clean, r.decoded_distorted, r.decoded_clean)
        numbers = [text for p in parts for text in (_decibels(p.psnr), f"{p.ssim:.3f}", f"{p.uqi:.3f}")]
        gain = f"{r.gain:+.2f}" if np.isfinite(r.gain) else "-"
        found.append((r.distortion, r.model, f"{r.file_bytes:.1f}", *numbers, gain))
    return found


def _decibels(psnr: float) -> str:
    return f"{psnr:.2f}" if np.isfinite(psnr) else "equal"


def markdown(results: Sequence[Result]) -> str:
    """The table as Markdown, with PSNR / SSIM / UQI in one column."""
    head = (*COLUMNS[:3], "distorted to clean", "decoded to distorted", "decoded to clean", "gain, dB")
    found = []
    for row in rows(results)[2:]:
        similarity = [" / ".join(row[i : i + 3]) if row[i] != "equal" else "equal" for i in (3, 6, 9)]
        found.append((*row[:3], *similarity, row[12]))
    return table(head, found, left=2)
