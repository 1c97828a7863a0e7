"""Pictures per second and peak memory of codecs, each in its own process, over the same pictures."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aecodec.encoding.options import DEFAULT_EFFORT, DEFAULT_TUNE
from aecodec.evaluation.curves import Curve, Point, point
from aecodec.evaluation.pages import number, table
from aecodec.evaluation.report import nearest
from aecodec.evaluation.rivals import BY_NAME, Rival, available
from aecodec.evaluation.sweeps import Codec, Progress, aecodec_codec, no_progress, rival_codec
from aecodec.sources.items import spread
from aecodec.sources.readers import Picture

ROUNDS = 3  # the best counts
TIMED_PIXELS = 1 << 20
WARM_UP = 16
MEBI = 1 << 20
EXPLANATION = (
    "Each codec runs in its own process on the same pictures, with the options of the curves: aecodec codes all"
    f" pictures at once and on every core, the others one file after the other. Best of {ROUNDS} rounds. Peak: memory"
    " of the whole process; above rest: the part of it beyond Python, the libraries and the pictures themselves."
)


@dataclass(frozen=True)
class Job:
    """A codec at one setting, in a form that can be sent to a process. rival: a key of BY_NAME, or "" for aecodec."""

    name: str
    rival: str
    quality: int
    model: str = "auto"
    effort: int = DEFAULT_EFFORT
    tune: str = DEFAULT_TUNE

    def codec(self, gray: bool) -> Codec:
        """The codec, for gray pictures or RGB."""
        if not self.rival:
            return aecodec_codec(self.model, self.effort, self.name, tune=self.tune)
        available([self.rival])  # loads its plugin
        return rival_codec(BY_NAME[self.rival], gray, threads=1)


@dataclass(frozen=True)
class Speed:
    """Seconds of a job for all pictures, and the peak memory of its process, in all and before coding (rest)."""

    job: Job
    pictures: int
    encode_seconds: float
    decode_seconds: float
    peak_bytes: int
    rest_bytes: int
    result: Point


def rival_jobs(rivals: Sequence[Rival], curves: Sequence[Curve], psnr: float) -> list[Job]:
    """A job for each rival, at the setting of its curve whose PSNR (dB) is nearest."""
    keys = {rival.name: key for key, rival in BY_NAME.items()}
    return [Job(r.described(), keys[r.name], nearest(curve, psnr)) for r, curve in zip(rivals, curves, strict=True)]


def timed(pictures: Sequence[Picture]) -> list[Picture]:
    """Evenly spaced pictures with at most TIMED_PIXELS in total, but at least one picture."""
    mean = sum(p.shape[0] * p.shape[1] for p in pictures) / len(pictures)
    return spread(pictures, max(1, int(TIMED_PIXELS / mean)))


def measure(jobs: Sequence[Job], pictures: Sequence[Picture], progress: Progress = no_progress) -> list[Speed]:
    """Run each job in a fresh process, one after the other."""
    context = multiprocessing.get_context("spawn")
    found = []
    for index, job in enumerate(jobs):
        progress(f"speed and memory of {job.name}", index, len(jobs))
        with context.Pool(1) as pool:
            found.append(pool.apply(_run, (job, list(pictures))))
    return found


def _run(job: Job, pictures: list[Picture]) -> Speed:
    codec = job.codec(pictures[0].ndim == 2)
    rest = peak_bytes()
    small = [picture[:WARM_UP, :WARM_UP] for picture in pictures[:1]]
    codec.decode(codec.encode(small, job.quality))  # without a clock: models and libraries are loaded
    spent = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        files = codec.encode(pictures, job.quality)
        middle = time.perf_counter()
        decoded = codec.decode(files)
        spent.append((middle - begin, time.perf_counter() - middle))
    peak = peak_bytes()
    encode_seconds, decode_seconds = map(min, zip(*spent, strict=True))
    result = point(job.quality, pictures, files, decoded)
    return Speed(job, len(pictures), encode_seconds, decode_seconds, peak, rest, result)


def peak_bytes() -> int:
    """Peak memory of this process, preferably from /proc, as getrusage includes that of the parent."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    if os.name != "posix":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def report(found: Sequence[Speed]) -> str:
    """Table with a row for each job."""
    head = ("codec", "quality", "encoded /s", "decoded /s", "peak MiB", "above rest", "bytes", "PSNR dB")
    rows = []
    for s in found:
        memory = (number(s.peak_bytes / MEBI, 0), number((s.peak_bytes - s.rest_bytes) / MEBI, 0))
        rates = (number(s.pictures / s.encode_seconds, 1), number(s.pictures / s.decode_seconds, 1))
        result = (number(s.result.file_bytes), number(s.result.psnr, 2))
        rows.append((s.job.name, f"{s.job.quality}", *rates, *memory, *result))
    return table(head, rows)
