"""Which sections of the specification a file needs, by their titles, which last longer than their numbers.

Not those that every file needs, such as the one on headers, and every file of a model, such as the one on networks.
"""

from __future__ import annotations

from aecodec.dataset import DataSet, framing, picture_blocks
from aecodec.dataset.picture_blocks import Joined
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.format import container

PACKINGS = {"rans": "The packing rans", "zstd": "The packing zstd"}
BLOCKS = {
    framing.JOINED: "Joined blocks",
    framing.FILES: "Blocks of files",
    framing.COLUMNS: "Columns",
    framing.METADATA: "Metadata",
}


def sections_of_file(file: ParsedFile) -> list[str]:
    """The titles of the sections that decoding this file takes, in no order."""
    found: set[str] = set()
    tags = {section.tag for section in file.header.sections}
    if tags:
        found |= {"Container"}
    if file.is_plain or container.ALPHA in tags:
        found |= {"Lossless planes"}
    if file.is_plain:
        return sorted(found | {"Plain pictures"})
    d = file.model.description
    found |= {PACKINGS[file.header.packing], "Bundled models" if file.header.model_number else "Model files"}
    if file.grid.count > 1:
        found |= {"Panels"}
    if file.is_predictive:
        return sorted(found | {"Lossless files"})
    if d.vector:
        found |= {"The vector pass"}
    if d.synthesis_layers:
        return sorted(found | {"Pixels without a plane"})
    found |= {"Passes", "Correction, inverse transform, pixels"}
    if any(d.update_layers):
        found |= {"Updates"}
    if d.finish:
        found |= {"The finishing network"}
    return sorted(found)


def sections_of_data_set(ds: DataSet) -> list[str]:
    """The same for a data set, with those that its pictures take."""
    found = {"The file", "Numbers", *(BLOCKS[entry.kind] for entry in ds.entries)}
    for entry in ds.entries:
        block = picture_blocks.parse(entry, None) if entry.kind in framing.PICTURES else None
        if isinstance(block, Joined):
            found |= {*sections_of_file(block.shown)}
        elif block:
            for data in block.files(ds.body(entry)):
                found |= {*sections_of_file(ParsedFile.parse(data, None))}
    return sorted(found)
