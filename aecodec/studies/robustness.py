"""What distortions do to a codec: for each, bytes and likeness of the decoded picture to what was coded and to what was
there before the distortion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import aecodec
from aecodec import metrics
from aecodec.evaluation.pages import table
from aecodec.images import distortions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Likeness:
    """Of one set of pictures to another: PSNR in dB of the pooled error (infinite where equal), mean SSIM, mean UQI."""

    psnr: float
    ssim: float
    uqi: float

    @classmethod
    def of(cls, wanted: Pictures, shown: Pictures) -> Likeness:
        return cls(
            metrics.pooled_psnr(wanted, shown),
            float(metrics.ssim(wanted, shown).mean()),
            float(metrics.uqi(wanted, shown).mean()),
        )


@dataclass(frozen=True)
class Result:
    """One model on pictures with one distortion. file_bytes: the mean of whole files."""

    distortion: str
    model: str
    file_bytes: float
    distorted_clean: Likeness  # of the distorted picture to the clean one: what there was to begin with
    decoded_distorted: Likeness  # of the decoded picture to what was coded
    decoded_clean: Likeness  # of the decoded picture to what was there before

    @property
    def gain(self) -> float:
        """dB by which the decoded picture is nearer to the clean one than what was coded."""
        return self.decoded_clean.psnr - self.distorted_clean.psnr

    def as_dict(self) -> dict[str, Any]:
        """With None in place of an infinite PSNR, which JSON does not have."""
        found = asdict(self)
        for part in (found["distorted_clean"], found["decoded_distorted"], found["decoded_clean"]):
            part["psnr"] = part["psnr"] if np.isfinite(part["psnr"]) else None
        return found


def distort(pictures: Pictures, spec: str, seed: int) -> Pictures:
    """Pictures (N, H, W, C) with a distortion; the noise is the same for the same seed, whatever else is measured."""
    return distortions.parse(spec).apply(pictures, np.random.default_rng(seed))


def code(pictures: Pictures, model: str, quality: int, effort: int) -> tuple[Pictures, float]:
    """Pictures (N, H, W, C) as a model decodes them, and the mean bytes of their files."""
    shown = pictures[..., 0] if pictures.shape[-1] == 1 else pictures
    files = aecodec.encode_many(list(shown), model=model, quality=quality, effort=effort)
    decoded = np.stack(aecodec.decode_many(files)).reshape(pictures.shape)
    return decoded, sum(map(len, files)) / len(files)


def measure(
    pictures: Pictures,
    models: Sequence[str],
    specs: Sequence[str] = distortions.STUDY,
    *,
    quality: int = 75,
    effort: int = 3,
    seed: int = 0,
    done: Callable[[Result], object] = lambda result: None,
) -> list[Result]:
    """Every distortion with every model, over clean pictures (N, H, W, C) uint8 at least 11x11; in order of `specs`.

    done: is told each result when it is there. Raises AecError.
    """
    return list(_measured(pictures, models, specs, quality, effort, seed, done))


def _measured(
    pictures: Pictures,
    models: Sequence[str],
    specs: Sequence[str],
    quality: int,
    effort: int,
    seed: int,
    done: Callable[[Result], object],
) -> Iterator[Result]:
    for spec in specs:
        distorted = distort(pictures, spec, seed)
        before = Likeness.of(pictures, distorted)
        for model in models:
            decoded, size = code(distorted, model, quality, effort)
            result = Result(spec, model, size, before, Likeness.of(distorted, decoded), Likeness.of(pictures, decoded))
            done(result)
            yield result


COLUMNS = ("distortion", "model", "bytes", "PSNR", "SSIM", "UQI", "PSNR", "SSIM", "UQI", "PSNR", "SSIM", "UQI", "gain")
ABOVE = ("", "", "", "distorted", "to clean", "", "decoded", "to distorted", "", "decoded", "to clean", "", "dB")


def rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """The table, with its two lines of headings."""
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
    """The table for a page, with one column where the terminal has three: PSNR / SSIM / UQI."""
    head = (*COLUMNS[:3], "distorted to clean", "decoded to distorted", "decoded to clean", "gain, dB")
    found = []
    for row in rows(results)[2:]:
        likeness = [" / ".join(row[i : i + 3]) if row[i] != "equal" else "equal" for i in (3, 6, 9)]
        found.append((*row[:3], *likeness, row[12]))
    return table(head, found, left=2)
