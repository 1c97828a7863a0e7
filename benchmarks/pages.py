"""The benchmarks, and the pages of docs/ that they and `aec` write, as data."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# The module of a benchmark is `benchmarks.NAME`, with _ for -; its click command is called `command`.
BENCHMARKS = {
    "ablations": "what each part of a model's shape contributes, from short trainings",
    "classics": "autoencoders beside a bundled model: a folder of pictures, metrics and curves",
    "colours": "how far the mean colour of areas is from the original's, beside other codecs at equal bytes",
    "crops": "crops of photographs at equal PSNR, beside other codecs",
    "data-sets": "data sets beside other stores of many small pictures, and a million thumbnails",
    "detail": "a detail of one picture as several codecs decode it, at equal file sizes",
    "distributed": "a data set from a Ray cluster that loses workers, beside one process",
    "figure": "originals and what their files decode to, at one quality or within budgets of bytes",
    "fuzz": "damaged and hostile files: a picture or an AecError, within limits of time and memory",
    "loaders": "pictures a second through plain Python, PyTorch and tf.data, beside PNG and WebP",
    "learning": "test accuracy of classifiers trained on decoded pictures, against bytes",
    "large": "time and peak memory with large pictures",
    "lossless-ablations": "what each part of a lossless stage contributes, from short trainings",
    "lossless": "lossless and near-lossless files beside PNG, WebP, JPEG XL and JPEG-LS",
    "many": "many files, interrupted by Ctrl-C and resumed",
    "modes": "what becomes of each Pillow mode and each kind of array",
    "native": "the native engine beside NumPy, other codecs and the processor's peak",
    "overhead": "small files: which bytes are not picture, and what damage goes unseen",
    "packing": "packed size against the ideal code length, and the speed of both packings",
    "photographs": "photographs with metadata, compressed and decompressed",
    "placeholders": "placeholders beside BlurHash and ThumbHash",
    "scans": "scanned digits: paper, ink, light, noise and frames",
    "seams": "squared error at the borders of panels, beside that at the other borders of blocks",
    "session": "the first minutes of a new user, as a terminal shows them",
    "startup": "time of `aec decompress` on a small file, as a whole process",
    "targets": "files of a given size or PSNR; lossless files of graphics",
    "throughput": "pictures per second at about equal PSNR, beside other codecs",
}

_DATA = re.compile(r"\{([^}]+)\}")


@dataclass(frozen=True)
class Page:
    """A page or a figure of docs/, and the command that writes it.

    writes: the files, from the repository root. template: the command line; {PATH} stands for a file or a folder in the
    data folder. environment: variables that the command needs.
    """

    writes: tuple[str, ...]
    template: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its first file, without suffix."""
        return Path(self.writes[0]).stem

    @property
    def command(self) -> str:
        """The command line as the page shows it: of data only the names."""
        variables = "".join(f"{name}={value} " for name, value in self.environment.items())
        return variables + _DATA.sub(lambda found: Path(found[1]).name, self.template)

    @property
    def data(self) -> list[str]:
        """What it needs of the data folder."""
        return _DATA.findall(self.template)

    def missing(self, folder: Path) -> list[str]:
        """What it needs and the folder does not have."""
        return [name for name in self.data if not (folder / name).exists()]

    def arguments(self, folder: Path) -> list[str]:
        """The command line as arguments of Python."""
        program, *words = shlex.split(self.template)
        words = [_DATA.sub(lambda found: str(folder.absolute() / found[1]), word) for word in words]
        return ["-m", "aecodec", *words] if program == "aec" else words

    def variables(self) -> dict[str, str]:
        """The environment of its process."""
        return {**os.environ, **self.environment}


_DIGITS = "{digits/t10k-images-idx3-ubyte.gz}"
_LETTERS = "{letters/test-images-idx3-ubyte.gz}"
_CIFAR = tuple(f"{{cifar/test-0{number}.webp}}" for number in range(4))
_CIFAR_TRAINING = " ".join(f"{{cifar/train-0{number}.webp}}" for number in range(5))
_PUBLISHED_KODAK = " ".join(
    f"--anchors {{anchors/{name}.json}}"
    for name in ("bmshj2018-factorized", "bmshj2018-hyperprior", "cheng2020-anchor", "bpg444")
)

_ALL_AVIF = "avif,avif-420,avif-speed-4"
_MORE_BD_RATES = "--bd-by psnr:0.02:0.15 --bd-by ms-ssim:0.1:0.6"
_SSIMULACRA2 = "--bd-by ssimulacra2:0.1:0.6 --ssimulacra2"


def _bench(name: str, arguments: str) -> Page:
    stem = f"docs/{name}"
    files = tuple(stem + suffix for suffix in (".md", ".json", ".png", ".svg"))
    return Page(files, f"aec bench {arguments} -o {stem} --force")


def _rate_distortion(name: str, arguments: str) -> Page:
    return _bench(f"rate-distortion-{name}", arguments)


def _efforts(name: str, arguments: str, title: str) -> Page:
    options = f'--limit 500 -e 0,1,3,6,9 --rivals none --pooled-psnr --no-speed --title "{title}"'
    return _bench(f"efforts-{name}", f"{arguments} {options}")


def _markdown(name: str, arguments: str) -> Page:
    return Page((f"docs/{name}.md",), f"python -m benchmarks {arguments} -o docs/{name}.md")


def _crops(model: str) -> Page:
    stem = f"docs/crops-{model}"
    arguments = f"crops {{kodak}} -m {model} --count 2 --rivals webp -o {stem}.md --sheet {stem}.png"
    return Page((f"{stem}.md", f"{stem}.png"), f"python -m benchmarks {arguments}")


def _reconstruct(name: str, arguments: str) -> Page:
    file = f"docs/reconstruct-{name}.png"
    return Page((file,), f"aec reconstruct {arguments} -o {file} --force")


PAGES = (
    _rate_distortion(
        "mnist",
        f'{_DIGITS} -m mnist -e 0,1,3 --title "MNIST, test split" --at 22.7,25,27.5,31.3,34.9,38'
        " --rivals webp,jxl,jpeg,avif --anchors benchmarks/published/digits-conv-4x4x1.json"
        " --anchors benchmarks/published/digits-dense-16.json --pooled-psnr"
        " --klt {digits/train-images-idx3-ubyte.gz} --no-speed",
    ),
    _rate_distortion(
        "letters",
        f'{_LETTERS} -m alphabet -e 0,1,3,9 --title "Letters, test split" --at 22.8,25,27.5,31.1,34.6,38'
        " --anchors benchmarks/published/letters-conv-4x4x1.json --pooled-psnr"
        " --klt {letters/train-images-idx3-ubyte.gz} --no-speed",
    ),
    _rate_distortion(
        "cifar",
        f"{' '.join(_CIFAR)} --tile 32 -m cifar -e 0,1,3 -q 1,10,20,30,40,50,60,75,90,100"
        " --at 21.5,24.7,26.9,28.9,31.5,33.8,36.2 --rivals webp,jxl,jpeg,avif --pooled-psnr"
        " --klt {cifar/train-00.webp} --klt {cifar/train-01.webp} --anchors docs/classics-cifar-dense.json --no-speed"
        ' --title "CIFAR-10, all 10,000 test pictures"',
    ),
    _rate_distortion(
        "kodak",
        "{kodak} -m photo -e 1,3 --tune psnr,ssim -q 5,10,20,30,40,50,60,70,80,90"
        f" --rivals webp,jpeg,{_ALL_AVIF},jxl --rates 0.3:1.5 {_MORE_BD_RATES}"
        f' {_PUBLISHED_KODAK} --no-speed --at 26,28,30,32,34,36,38 --title "Kodak, 24 photographs"',
    ),
    _rate_distortion(
        "photographs",
        "{photos} --held-out 1 -m photo -e 3 --tune psnr,ssim -q 1,5,10,20,30,40,50,60,70,80,90"
        f" --rivals webp,jpeg,{_ALL_AVIF},jxl --rates 0.3:1.5 {_MORE_BD_RATES} {_SSIMULACRA2}"
        ' --mean-psnr --no-speed --at 26,28,30,32,34,36,38 --title "Held-out photographs"',
    ),
    _efforts(
        "mnist",
        f"{_DIGITS} -m mnist -q 10,20,30,40,50,60,75 --at 22.7,25,27.5,31.3,34.9,38",
        "Effort: 500 test digits of MNIST",
    ),
    _efforts(
        "cifar",
        f"{_CIFAR[0]} --tile 32 -m cifar -q 10,20,30,40,50,60,75 --at 24.7,26.9,28.9,31.5,33.8,36.2",
        "Effort: 500 test pictures of CIFAR-10",
    ),
    _rate_distortion(
        "kodak-smooth",
        "{kodak} --smoothest 8 -m photo -e 3 --tune psnr,ssim -q 1,5,10,15,20,25,30,40"
        " --rivals webp,jpeg,avif,avif-420,jxl --rates 0.02:0.15 --bd-by ms-ssim:0.02:0.15"
        ' --mean-psnr --no-speed --at 26,28,30,32,34 --title "The eight smoothest Kodak photographs at low rates"',
    ),
    _efforts(
        "photo",
        "{photos} --held-out 1 -m photo -q 10,20,30,40,50,60,75 --at 24,26,28,30,32,34",
        "Effort: 16 held-out photographs",
    ),
    Page(
        ("docs/reconstructions.png",),
        f"python -m benchmarks figure --set Digits {_DIGITS} mnist --set Letters {_LETTERS} alphabet"
        f" --set CIFAR-10 {_CIFAR[0]} cifar -o docs/reconstructions.png",
    ),
    Page(
        ("docs/budgets-cifar.md", "docs/budgets-cifar.png"),
        f"python -m benchmarks figure --set CIFAR-10 {_CIFAR[0]} cifar --budgets 100,200,300 --count 12"
        " -o docs/budgets-cifar.png --page docs/budgets-cifar.md",
    ),
    _reconstruct("digits", f"{_DIGITS} -n 10 -m mnist"),
    _reconstruct("letters", f"{_LETTERS} -n 10 -m alphabet"),
    _reconstruct("cifar", f"{_CIFAR[0]} --tile 32 -n 10 -q 60 -m cifar"),
    Page(
        ("docs/compare.png",),
        "aec compare examples/digit.png examples/letter.png examples/horse.png examples/landscape.png"
        " -o docs/compare.png --force",
    ),
    Page(
        ("docs/detail.png",),
        "python -m benchmarks detail examples/cat.png -m photo -q 40 --region 142,80,72,72 -o docs/detail.png",
    ),
    Page(
        ("docs/detail-kodak.png",),
        "python -m benchmarks detail {kodak/kodim23.webp} -m photo -q 30 --region 96,224,192,160 --scales 1,3"
        " --rivals avif,avif-420 -o docs/detail-kodak.png",
    ),
    _crops("cifar"),
    _crops("photo"),
    _markdown(
        "lossless",
        f"lossless --digits {_DIGITS} --letters {_LETTERS} --cifar {' --cifar '.join(_CIFAR)} --photographs {{kodak}}"
        " --jxl-efforts 7,9",
    ),
    _markdown("throughput", f"throughput {_DIGITS} --limit 2000 -m mnist --efforts 0,1,3"),
    _markdown("throughput-cifar", f"throughput {_CIFAR[0]} {_CIFAR[1]} --limit 4000 -m cifar --efforts 0,3"),
    _markdown("native", f"native --photographs {{kodak}} --cifar {' --cifar '.join(_CIFAR)} --digits {_DIGITS}"),
    _markdown(
        "overhead",
        "overhead --set Digits {digits/train-images-idx3-ubyte.gz} mnist"
        " --set Letters {letters/train-images-idx3-ubyte.gz} alphabet --set CIFAR-10 {cifar/train-19.webp} cifar"
        " -n 500 --damaged 20000",
    ),
    _markdown("data-sets-cifar", f"data-sets {' '.join(f'--cifar {sheet}' for sheet in _CIFAR)} --efforts 3"),
    _markdown("data-sets", f"data-sets --digits {_DIGITS} --letters {_LETTERS} --efforts 3,6"),
    _markdown("million-thumbnails", "data-sets --thumbnails {photos} -m cifar"),
    _markdown("scans", f"scans {_DIGITS}"),
    _markdown("targets", f"targets {_CIFAR[0]} -m cifar -n 200 -e 0"),
    _markdown("many", f"many {_DIGITS}"),
    _markdown("photographs", "photographs {data}"),
    _markdown("seams", "seams {kodak} -m photo"),
    _markdown("colours", "colours {kodak} -m photo"),
    _markdown("modes", "modes"),
    Page(
        ("docs/placeholders.md", "docs/placeholders.png"),
        "python -m benchmarks placeholders {kodak} -o docs/placeholders.md",
    ),
    _markdown("first-minutes", "session"),
    Page(
        ("docs/learning.md", "docs/learning.png"),
        "python -m benchmarks learning --data {digits} --data {cifar} -o docs/learning.md",
    ),
    _markdown("distributed", f"distributed {{digits/train-images-idx3-ubyte.gz}} {_DIGITS} -m mnist"),
    Page(
        ("docs/large.md",),
        "python -m benchmarks large -e 0 -o docs/large.md",
        {"OPENBLAS_NUM_THREADS": "1"},
    ),
    _markdown("large-photo", "large --gray none --rgb 1250x800,4000x3000,12500x8000 -m photo -e 0"),
    _markdown("fuzz", "fuzz -n 1000000 --jobs 2"),
    _markdown(
        "ablations-mnist",
        "ablations {digits/train-images-idx3-ubyte.gz} --preset mnist --steps 1000"
        ' --variant "as it is" --variant "updates of the features" --variant "last group joined"'
        ' --variant "first group in two passes instead of four" --variant "half as wide"',
    ),
    _markdown(
        "ablations-cifar",
        f"ablations {_CIFAR_TRAINING} {{photos}}@0.2 --preset cifar --steps 1000"
        ' --variant "as it is" --variant "no tiles, no vector" --variant "no updates of the features"'
        ' --variant "first group in two passes instead of four"',
    ),
    _markdown(
        "ablations-lossless-mnist",
        "lossless-ablations {digits/train-images-idx3-ubyte.gz} --preset mnist --steps 1000",
    ),
    _markdown("ablations-lossless-cifar", f"lossless-ablations {_CIFAR_TRAINING} --preset cifar --steps 1000"),
)
