"""The long packing: binary decisions, phrases of them as bytes, and one zstd frame over the bytes.

**Decisions.** Every kind of event has a Huffman tree over its frequencies: the two trees of least weight
are joined, of equal weights the one that was made first (the values in order, then joins), until one is
left; the first of the two is branch 1, the second, never lighter, branch 0. A value is the decisions from
the root to its leaf. A decision takes only the odds of its node from the tables: with w1 and w0 the weights
of its branches it belongs to group g, the number of THRESHOLDS t with 4096 * w1 < t * (w1 + w0).

**Phrases.** Group g's decisions are coded as if branch 1 had probability ONES[g] / 4096, by a Tunstall
(1967) dictionary of 256 phrases: from a single empty phrase of weight 2^48, 255 times, the phrase of
largest weight w (of equal ones the one that was made first) is replaced by itself + 0, of weight w - v, and
itself + 1, of weight v = floor(w * ONES[g] / 4096). In falling order of weight (of equal ones the first
made first) the phrases are the bytes 0 to 255. So a nearly certain decision costs a fraction of a bit, an
even one a whole bit, and no more tables are needed than the model's own.

**Order.** A round goes down the trees of its events level by level. On a level, the decisions of group 0,
in element order, come before those of group 1, and so on; of each group as many bytes follow as are needed
to have all its decisions of that level. Decisions left over from a group's last byte are the first of its
next level, or pass. At the end they are whatever the lowest byte brings that begins with the decisions
needed.

**Frame.** All bytes of a stream form one zstd frame without magic, content size, checksum or dictionary id,
of a window of at most 2^20; then the checksum, 4 bytes, little-endian.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from aecodec.errors import AecError, ChecksumMismatch, InvalidValue, TrailingBytes, TruncatedFile
from aecodec.packing import frames
from aecodec.packing.tables import GAMMA_DIGITS, KINDS, MAX_SHIFT, TOTAL, Integers, Tables, code_pass

if TYPE_CHECKING:
    import numpy.typing as npt

# Nine groups come within 0.1 % of what sixteen reach over logistic distributions of any width; the
# thresholds are where a decision costs the same in both of the neighbouring groups.
ONES = (2048, 1825, 1625, 1448, 1024, 645, 287, 128, 2)
THRESHOLDS = (1877, 1718, 1558, 1244, 834, 523, 191, 93)
GROUPS = len(ONES)
PHRASES = 256
ROOT_WEIGHT = 1 << 48  # times 4096 it is 2^60: 64-bit integers suffice
LEVELS = (3, 19)  # neither is always the smaller, and most of the bytes are incompressible: both are quick
CHECK_BYTES = 4
# A Huffman tree of total weight 4096 is less than 18 deep (Fibonacci numbers); an escape adds sign and gamma
_MOST_DECISIONS = 18 + 1 + 2 * GAMMA_DIGITS + MAX_SHIFT

Bits: TypeAlias = "npt.NDArray[np.uint8]"


class Trees:
    """The decisions of every value of every kind. Nodes are numbered through all kinds."""

    def __init__(self, tables: Tables) -> None:
        first = np.append(tables.first, tables.event_frequencies.size).tolist()
        frequencies = tables.event_frequencies.tolist()
        self.first = tables.first
        self.root = np.zeros(KINDS, np.int32)  # of a kind of one value: never used
        self.path = np.zeros(len(frequencies), np.uint32)  # a value's decisions, the root's in the lowest bit
        branches: list[tuple[int, int]] = []  # of a node, for 0 and 1: a node, or ~value
        weights: list[tuple[int, int]] = []
        for kind in range(KINDS):
            start, values = first[kind], first[kind + 1] - first[kind]
            heap = [(frequencies[start + v], v) for v in range(values)]
            heapq.heapify(heap)
            made = [~v for v in range(values)]
            while len(heap) > 1:
                light, one = heapq.heappop(heap)
                heavy, zero = heapq.heappop(heap)
                heapq.heappush(heap, (light + heavy, len(made)))
                made.append(len(branches))
                branches.append((made[zero], made[one]))
                weights.append((heavy, light))
            self.root[kind] = made[-1]
            pending = [(made[-1], 0, 0)]
            while pending:
                node, path, depth = pending.pop()
                if node < 0:
                    self.path[start + ~node] = path
                else:
                    zero, one = branches[node]
                    pending += [(zero, path, depth + 1), (one, path | 1 << depth, depth + 1)]
        self.branch = np.array(branches, np.int32).reshape(-1)
        heavy_light = np.array(weights, np.int64)
        shares = TOTAL * heavy_light[:, 1:] < np.array(THRESHOLDS) * heavy_light.sum(axis=1, keepdims=True)
        self.group = shares.sum(axis=1).astype(np.uint8)


@lru_cache(maxsize=16)
def trees(tables: Tables) -> Trees:
    """The decision trees of a model's tables."""
    return Trees(tables)


class Dictionary:
    """The phrases of one group, and the automaton that cuts decisions into them."""

    def __init__(self, ones: int) -> None:
        step = [0, 0]  # of twice an inner node + decision: twice the next inner node, or ~leaf
        heap = [(-ROOT_WEIGHT, 0)]
        phrase: list[tuple[int, ...]] = [()]
        parent = [-1]  # the place in `step` that leads to a phrase
        while len(heap) < PHRASES:
            weight, made = heapq.heappop(heap)
            inner = len(step) if made else 0
            if made:
                step[parent[made]] = inner
                step += [0, 0]
            one = -weight * ones >> 12
            for decision, share in ((0, -weight - one), (1, one)):
                heapq.heappush(heap, (-share, len(phrase)))
                phrase.append((*phrase[made], decision))
                parent.append(inner + decision)
        heap.sort()
        for index, (_, made) in enumerate(heap):
            step[parent[made]] = ~index
        ordered = [phrase[made] for _, made in heap]
        self.step = step
        self.lengths = np.array([len(p) for p in ordered])
        self.shortest = int(self.lengths.min())
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.decisions = np.array([d for p in ordered for d in p], np.uint8)

    def complete(self, begun: Sequence[int]) -> int:
        """The lowest phrase that begins so."""
        node = 0
        for decision in begun:
            node = self.step[node + decision]
        return ~node if node < 0 else self.lowest[node]

    @cached_property
    def lowest(self) -> list[int]:
        """Of each inner node: the lowest phrase below it."""
        found = [PHRASES] * len(self.step)
        for node in range(len(self.step) - 2, -1, -2):  # those below a node were made after it
            branches = self.step[node : node + 2]
            found[node] = min(~branch if branch < 0 else found[branch] for branch in branches)
        return found

    def parse(self, decisions: Bits) -> Bits:
        """Cut decisions into phrases."""
        step, node, begun = self.step, 0, 0
        phrases = bytearray()
        for at, decision in enumerate(decisions.tobytes()):
            node = step[node + decision]
            if node < 0:
                phrases.append(~node)
                node, begun = 0, at + 1
        if begun < decisions.size:
            phrases.append(self.complete(decisions[begun:].tolist()))
        return np.frombuffer(bytes(phrases), np.uint8)

    def expand(self, phrases: Bits) -> Bits:
        """The decisions of phrases, one after the other."""
        lengths = self.lengths[phrases]
        ends = np.cumsum(lengths)
        jumps = np.repeat(self.starts[phrases] - (ends - lengths), lengths)
        return np.asarray(self.decisions[jumps + np.arange(jumps.size)])


@lru_cache(maxsize=GROUPS)
def dictionary(group: int) -> Dictionary:
    """The phrases of a group."""
    return Dictionary(ONES[group])


def _walk(trees: Trees, kinds: Integers, take: Any, values: Integers | None) -> Integers:
    """Go down the trees of a round's events level by level: the order of decisions, for both directions.

    take(group, number of decisions, the decisions when encoding) returns the decisions.
    """
    result = np.zeros(kinds.size, np.int64)
    active = np.arange(kinds.size)
    node = trees.root[kinds]
    path = None if values is None else trees.path[trees.first[kinds] + values]
    while active.size:
        group = trees.group[node]
        order = np.argsort(group, kind="stable")
        known = None if path is None else (path & 1).astype(np.uint8)[order]
        ends = np.cumsum(np.bincount(group, minlength=GROUPS)).tolist()
        decisions = np.empty(active.size, np.uint8)
        begin = 0
        for g, end in enumerate(ends):
            if end > begin:
                part = None if known is None else known[begin:end]
                decisions[order[begin:end]] = take(g, end - begin, part)
            begin = end
        node = trees.branch[2 * node + decisions]
        leaf = node < 0
        result[active[leaf]] = ~node[leaf]
        inner = ~leaf
        active, node = active[inner], node[inner]
        if path is not None:
            path = path[inner] >> 1
    return result


# Encoder ---


def pack(
    tables: Tables,
    residuals: Sequence[Integers],
    classes: Sequence[Integers],
    checks: Sequence[int],
    lanes: int | None = None,
) -> list[bytes]:
    """Code residuals into one payload a stream. Shapes and errors as in `aecodec.packing.pack`; there are no lanes."""
    bodies = (
        phrases_of(tables, [r[s : s + 1] for r in residuals], [c[s : s + 1] for c in classes])
        for s in range(len(checks))
    )
    return framed(bodies, checks)


def framed(bodies: Iterable[bytes], checks: Sequence[int]) -> list[bytes]:
    """Payloads from the phrases of each stream."""
    return [
        frames.compress(body, LEVELS) + int(check).to_bytes(CHECK_BYTES, "little")
        for body, check in zip(bodies, checks, strict=True)
    ]


def phrases_of(tables: Tables, residuals: Sequence[Integers], classes: Sequence[Integers]) -> bytes:
    """One stream as bytes of close to eight bits each: the last phrases are the lowest that begin so."""
    tree = trees(tables)
    segments: list[list[Bits]] = [[] for _ in range(GROUPS)]
    order: list[int] = []

    def take(group: int, count: int, decisions: Bits) -> Bits:
        order.append(group)
        segments[group].append(decisions)
        return decisions

    def code(where: Integers, kinds: Integers, values: Integers | None) -> Integers:
        return _walk(tree, kinds, take, values)

    for r, c in zip(residuals, classes, strict=True):
        code_pass(tables, c, code, r)
    parts = []
    for group, decisions in enumerate(segments):
        if decisions:
            phrasebook = dictionary(group)
            phrases = phrasebook.parse(np.concatenate(decisions))
            # after each segment the bytes so far must hold at least the decisions so far
            needed = np.cumsum([d.size for d in decisions])
            cuts = np.searchsorted(np.cumsum(phrasebook.lengths[phrases]), needed) + 1
            parts.append(iter(np.split(phrases, cuts[:-1])))
        else:
            parts.append(iter(()))
    return b"".join(next(parts[group]).tobytes() for group in order)


# Decoder ---


class Stream:
    """What is left of one stream: its bytes, and the decisions that a group's last byte brought too many.

    held: (GROUPS, 2), the last byte of each group, and how many of its decisions are left.
    """

    def __init__(self, tables: Tables, payload: bytes, elements: int) -> None:
        if len(payload) < CHECK_BYTES:
            raise TruncatedFile("the packed data ends before its checksum")
        self.tables = tables
        self.check = int.from_bytes(payload[-CHECK_BYTES:], "little")
        content = frames.decompress(payload[:-CHECK_BYTES], _MOST_DECISIONS * elements)
        self.body = np.frombuffer(content, np.uint8)
        self.position = 0
        self.held = np.zeros((GROUPS, 2), np.int32)

    def take(self, group: int, count: int, decisions: None) -> Bits:
        """The next decisions of a group."""
        last, left = self.held[group].tolist()
        phrasebook = dictionary(group)
        found = phrasebook.expand(np.array([last]))[phrasebook.lengths[last] - left :]
        missing = count - left
        if missing > 0:
            window = self.body[self.position : self.position + missing // phrasebook.shortest + 1]
            ends = np.cumsum(phrasebook.lengths[window])
            size = int(np.searchsorted(ends, missing)) + 1
            if size > window.size:
                raise TruncatedFile("the packed data ends early, or it is damaged")
            found = np.concatenate([found, phrasebook.expand(window[:size])])
            self.position += size
            last = int(window[size - 1])
        self.held[group] = last, found.size - count
        return found[:count]

    def code(self, where: Integers, kinds: Integers, values: Integers | None) -> Integers:
        """Decode a round of events, as `code_pass` asks for it."""
        return _walk(trees(self.tables), kinds, self.take, None)

    def finish(self, check: int) -> None:
        """As `Decoder.finish`."""
        if self.position < self.body.size:
            raise TrailingBytes("bytes follow the end of the packed data, or it is damaged")
        if self.check != check:
            raise ChecksumMismatch("the packed data is damaged: its checksum does not match")
        for group, (last, left) in enumerate(self.held.tolist()):
            if left:
                phrasebook = dictionary(group)
                begin = phrasebook.starts[last]
                used = phrasebook.decisions[begin : begin + phrasebook.lengths[last] - left]
                if phrasebook.complete(used.tolist()) != last:
                    raise InvalidValue("the packed data ends in another byte than the encoder writes")


def least_bytes(elements: int) -> int:
    """A payload of fewer bytes is none."""
    return frames.LEAST_BYTES + CHECK_BYTES


def overhead(elements: int) -> tuple[int, int]:
    """See `aecodec.packing.overhead`."""
    return CHECK_BYTES, 0


class Decoder:
    """Reads passes back in the order in which they were packed. Interface as `aecodec.packing.Decoder`."""

    def __init__(self, tables: Tables, payloads: Sequence[bytes], elements: int, lanes: int | None = None) -> None:
        self.tables = tables
        self.streams = len(payloads)
        self.each: list[Stream] = []
        for s, payload in enumerate(payloads):
            try:
                self.each.append(Stream(tables, payload, elements))
            except AecError as error:
                _fail(error, s, self.streams)

    def read(self, classes: Integers) -> Integers:
        """The residuals of the next pass: (S, E) int32, for its classes, (S, E) integers 0..63."""
        residuals = np.zeros(classes.shape, np.int32)
        for s, stream in enumerate(self.each):
            try:
                residuals[s] = self.read_stream(stream, classes[s])
            except AecError as error:
                _fail(error, s, self.streams)
        return residuals

    def read_stream(self, stream: Stream, classes: Integers) -> Integers:
        """The residuals (E,) of the next pass of one stream."""
        return code_pass(self.tables, classes, stream.code)

    def finish(self, checks: Sequence[int]) -> None:
        """Check that every stream is used up and carries its checksum, a CRC-32 each.

        Raises TrailingBytes, ChecksumMismatch, or InvalidValue for an end that the encoder does not write.
        """
        for s, (stream, check) in enumerate(zip(self.each, checks, strict=True)):
            try:
                stream.finish(check)
            except AecError as error:
                _fail(error, s, self.streams)


def _fail(error: AecError, stream: int, streams: int) -> NoReturn:
    raise type(error)(str(error) if streams == 1 else f"stream {stream}: {error}") from None
