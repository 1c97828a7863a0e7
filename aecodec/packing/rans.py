"""The short packing: interleaved range asymmetric numeral systems (rANS; Duda 2013, arXiv:1311.2540).

A lane is a state x < 2^24. With M = 4096, every kind of event has M slots, of which a value of frequency f has f. Slot
`x % M` belongs to some value and is the rank-th of its slots, rank = 0..f-1:

    encode   x -> (x // f) * M + the slot of the value whose rank is x % f
    decode   x -> (x // M) * f + the rank of slot x % M

Event i of a round belongs to lane i % lanes; every `lanes` events of a round, or the fewer at its end, are a
step. Before each step, and once after the last, every lane in order takes bytes, x -> x * 256 + byte, while
x < 2^16 and bytes are left. At the start each lane takes three bytes, or what is left.

Why it is exact. The encoder undoes this from the last event to the first, and gives off a byte, x -> x >> 8,
while x >= f * 2^12. After that f * 2^4 <= x < f * 2^12, so its new state is in [2^16, 2^24), and the decoder,
which comes back to this x, takes the same bytes: at most two, as x >= f * 2^4 >= 16. As long as no byte was
given off a state may be below 2^16: the decoder then has no bytes left to take, and encode and decode are
inverses for all integers >= 0.

That last freedom is why the payload of a single lane is the shortest there is: its encoder starts at the
16-bit checksum h, not at 2^16 + h, its state grows by the code length alone, and ends as a number written
in as few bytes as it needs. For one checksum and one sequence there is exactly one payload. With several
lanes, whose states take turns in reading, every state stays at 2^16 or above: lane 0 starts at 2^16 + h,
the others at 2^16, which costs 2.5 bytes a lane.

Why the slots of a value are spread out. States far above M grow by the code length wherever the slots are. From a
small state it matters: if a value's slots were neighbours, its first event would take x = 0 to the first of them, and
so to some 12 bits, whatever its probability. Spread evenly, slot number `rank` is near rank * M / f, as a code length
of log2(M / f) demands. A file whose check stands elsewhere starts at h = 0, and its payload takes 0.05 to 0.2 bytes
more than the ideal code length, whole bytes included (neighbouring slots: 1.5); `python -m benchmarks overhead`
measures it. Of the orders by (rank + d) / f, d = 1/4 gave the fewest bytes (1/16 to 2 were tried).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import numpy as np

from aecodec.errors import AecError, ChecksumMismatch, InvalidValue, TrailingBytes, TruncatedFile
from aecodec.packing.tables import KINDS, PRECISION, RAW, TOTAL, Integers, Tables, code_pass

if TYPE_CHECKING:
    import numpy.typing as npt

    Slots: TypeAlias = npt.NDArray[np.uint32]

LOW = 1 << 16  # a multiple of TOTAL, as rANS requires; states below 256 * LOW = 2^24
ELEMENTS_PER_LANE = 12000
MAX_LANES = 1024
IDLE = RAW  # no raw bits: f = 4096, c = 0, which leaves any state as it is
SCALAR_LANES = 64  # up to here Python integers are faster than NumPy's call overhead

# where the parts of an entry of `slots` begin
_FREQUENCY = 7
_RANK = 20


def lanes_for(elements: int) -> int:
    """The number of lanes of a stream of so many elements, all passes together, skipped ones included."""
    return min(MAX_LANES, max(1, elements // ELEMENTS_PER_LANE))


def fold16(check: int) -> int:
    """The 16 bits of a CRC-32 that a payload carries."""
    return (check ^ (check >> 16)) & 0xFFFF


def first_states(lanes: int, checks: Sequence[int]) -> npt.NDArray[np.uint32]:
    """The states from which the encoder starts and at which the decoder must land: (S, lanes)."""
    states = np.full((len(checks), lanes), LOW if lanes > 1 else 0, np.uint32)
    states[:, 0] += np.array([fold16(check) for check in checks], np.uint32)
    return states


class _Steps:
    """Where a round's events stand in an array of (steps, streams, lanes), idle where a stream has none."""

    def __init__(self, where: Integers, streams: int, elements: int, lanes: int) -> None:
        if streams == 1:
            rank, first, most = np.arange(where.size), np.zeros(1, np.intp), where.size
        else:
            stream = where // max(elements, 1)
            counts = np.bincount(stream, minlength=streams)
            rank = np.arange(where.size) - np.repeat(np.cumsum(counts) - counts, counts)
            first, most = stream * lanes, int(counts.max(initial=0))
        self.at = rank // lanes * (streams * lanes) + first + rank % lanes
        self.shape = (-(-most // lanes), streams, lanes)

    def spread(self, values: Integers, idle: int, dtype: npt.DTypeLike) -> Integers:
        padded = np.full(self.shape, idle, dtype)
        padded.reshape(-1)[self.at] = values
        return padded


# Slots ---


class _Order:
    """The slots of all kinds (72, 4096): which value each has, and the rank among the slots of that value.

    frequency, value, rank: of the slots of a kind value by value. order: of a kind, the index into these of each slot.
    """

    def __init__(self, tables: Tables) -> None:
        f = tables.event_frequencies.astype(np.int64)
        kind = np.repeat(np.arange(KINDS), np.diff(np.append(tables.first, f.size)))
        self.frequency, self.value = np.repeat(f, f), np.repeat(np.arange(f.size) - tables.first[kind], f)
        self.rank = np.tile(np.arange(TOTAL), KINDS) - np.repeat(tables.event_starts, f)
        # Different fractions of denominators up to 2^12 differ by 2^-24 or more: as integers they keep their order.
        keys = (((4 * self.rank + 1) << 24) // self.frequency).reshape(KINDS, TOTAL)  # < 2^38
        self.order = np.sort(keys << PRECISION | np.arange(TOTAL)) & (TOTAL - 1)


@lru_cache(maxsize=2)
def _order(tables: Tables) -> _Order:
    return _Order(tables)


@lru_cache(maxsize=16)
def slots(tables: Tables) -> Slots:
    """(72 * 4096,) what a kind's slot decodes to: value (7 bits), frequency (13), rank (12)."""
    found = _order(tables)
    entries = (found.value | found.frequency << _FREQUENCY | found.rank << _RANK).astype(np.uint32)
    return np.take_along_axis(entries.reshape(KINDS, TOTAL), found.order, axis=1).reshape(-1)


@lru_cache(maxsize=16)
def slots_of_values(tables: Tables) -> Slots:
    """(72 * 4096,) the slots of each kind value by value, those of a value by their ranks: the inverse."""
    found = np.empty((KINDS, TOTAL), np.uint32)
    np.put_along_axis(found, _order(tables).order, np.arange(TOTAL, dtype=np.uint32)[None], axis=1)
    return found.reshape(-1)


# Encoder ---


def pack(
    tables: Tables,
    residuals: Sequence[Integers],
    classes: Sequence[Integers],
    checks: Sequence[int],
    lanes: int | None = None,
) -> list[bytes]:
    """Code residuals into one payload a stream. Shapes, lanes and errors as in `aecodec.packing.pack`."""
    streams = len(checks)
    lanes = lanes or lanes_for(sum(r.shape[1] for r in residuals))
    frequencies = [np.zeros((0, streams, lanes), np.uint32)]
    firsts = [np.zeros((0, streams, lanes), np.uint32)]
    for r, c in zip(residuals, classes, strict=True):
        size = r.shape[1]

        def collect(where: Integers, kinds: Integers, values: Integers | None, size: int = size) -> Integers:
            assert values is not None
            steps = _Steps(where, streams, size, lanes)
            row = tables.first[kinds] + values
            frequencies.append(steps.spread(tables.event_frequencies[row], TOTAL, np.uint32))
            firsts.append(steps.spread(kinds << PRECISION | tables.event_starts[row], IDLE << PRECISION, np.uint32))
            return values

        code_pass(tables, c, collect, r)
    f, first = np.concatenate(frequencies), np.concatenate(firsts)
    states = first_states(lanes, checks)
    if streams * lanes <= SCALAR_LANES:
        slot = slots_of_values(tables)
        return [_encode_scalar(states[s].tolist(), f[:, s], first[:, s], slot) for s in range(streams)]
    return _encode(states, f, first, slots_of_values(tables))


def head(states: Sequence[int]) -> bytes:
    """The first bytes of a payload, from the states at which its encoder ended."""
    if len(states) > 1:
        return b"".join(x.to_bytes(3, "big") for x in states)
    return states[0].to_bytes((states[0].bit_length() + 7) // 8, "big")


def _encode_scalar(states: list[int], frequencies: Integers, firsts: Integers, slots: Slots) -> bytes:
    backwards = bytearray()
    lanes, slot = len(states), slots.data
    lane = lanes
    for f, first in zip(frequencies.ravel()[::-1].tolist(), firsts.ravel()[::-1].tolist(), strict=True):
        lane = (lane or lanes) - 1
        x = states[lane]
        while x >= f << 12:
            backwards.append(x & 255)
            x >>= 8
        states[lane] = (x // f << 12) + slot[first + x % f]
    return head(states) + bytes(backwards[::-1])


def _encode(states: npt.NDArray[np.uint32], frequencies: Integers, firsts: Integers, slots: Slots) -> list[bytes]:
    streams, lanes = states.shape
    steps = len(frequencies)
    x = states.reshape(-1)
    f = frequencies.reshape(steps, x.size)
    first = firsts.reshape(steps, x.size)
    limit = f << 12  # f <= 2^12, so limit <= 2^24 and x < 2^24 always
    before = np.empty(f.shape, np.uint16)  # the bytes that a state gives off are among its lowest two
    given = np.empty(f.shape, np.uint8)
    for t in range(steps - 1, -1, -1):
        before[t] = x & 0xFFFF
        count = (x >= limit[t]).view(np.uint8) + (x >> 8 >= limit[t]).view(np.uint8)
        given[t] = count
        whole, rank = np.divmod(x >> (count << 3), f[t])
        x = (whole << PRECISION) + slots.take(first[t] + rank)
    count = given.reshape(steps, streams, lanes).transpose(1, 0, 2)
    pair = before.reshape(steps, streams, lanes).transpose(1, 0, 2)
    written = np.stack([count == 2, count >= 1], axis=-1)
    body = np.stack([pair >> 8, pair & 255], axis=-1).astype(np.uint8)
    states = x.reshape(streams, lanes)
    return [head(states[s].tolist()) + body[s][written[s]].tobytes() for s in range(streams)]


# Decoder ---


def least_bytes(elements: int) -> int:
    """A payload of fewer bytes is none: several lanes have their first states in it."""
    lanes = lanes_for(elements)
    return 3 * lanes if lanes > 1 else 0


def overhead(elements: int) -> tuple[int, int]:
    """See `aecodec.packing.overhead`: a lane's final state has 16 bits, and that of the first holds the checksum."""
    return 2, 2 * (lanes_for(elements) - 1)


class Decoder:
    """Reads passes back in the order in which they were packed. Interface as `aecodec.packing.Decoder`."""

    def __init__(self, tables: Tables, payloads: Sequence[bytes], elements: int, lanes: int | None = None) -> None:
        self.tables = tables
        self.streams = len(payloads)
        self.lanes = lanes or lanes_for(elements)
        self.payloads = payloads
        sizes = np.array([len(p) for p in payloads], np.int64)
        self.data = np.frombuffer(b"".join(payloads) + b"\0", np.uint8)  # never empty
        self.ends = np.cumsum(sizes)
        heads = np.minimum(sizes, 3 * self.lanes)
        self.positions = self.ends - sizes + heads
        self.states = np.zeros((self.streams, self.lanes), np.uint32)
        for s, payload in enumerate(payloads):
            head = payload[: int(heads[s])]
            if self.lanes == 1:
                self.states[s] = int.from_bytes(head, "big")
                if head[:1] == b"\0":
                    self.fail(InvalidValue, "the packed data begins with a zero byte", s)
                continue
            if len(head) < 3 * self.lanes:
                self.fail(TruncatedFile, "the packed data ends within its first states", s)
            triples = np.frombuffer(head, np.uint8).reshape(-1, 3).astype(np.uint32)
            self.states[s] = triples[:, 0] << 16 | triples[:, 1] << 8 | triples[:, 2]
            if (self.states[s] < LOW).any():
                self.fail(InvalidValue, "a first state of the packed data is too small", s)

    def fail(self, error: type[AecError], message: str, stream: int) -> NoReturn:
        """Raise an error of a stream."""
        raise error(message if self.streams == 1 else f"stream {stream}: {message}")

    def read(self, classes: Integers) -> Integers:
        """The residuals of the next pass: (S, E) int32, for its classes, (S, E) integers 0..63."""
        elements = classes.shape[1]

        def code(where: Integers, kinds: Integers, values: Integers | None) -> Integers:
            self._require_bytes()
            steps = _Steps(where, self.streams, elements, self.lanes)
            rows = steps.spread(kinds.astype(np.intp) << PRECISION, IDLE << PRECISION, np.intp)
            entries = self._decode_scalar(rows) if self.states.size <= SCALAR_LANES else self._decode(rows)
            return np.asarray(entries.reshape(-1)[steps.at] & 127)

        return code_pass(self.tables, classes, code)

    def _require_bytes(self) -> None:
        """Give up where a stream has ended that should not have: of several lanes none is ever left below 2^16."""
        if self.lanes > 1:
            ended = (self.positions >= self.ends) & (self.states < LOW).any(axis=1)
            if ended.any():
                self.fail(TruncatedFile, "the packed data ends early, or it is damaged", int(ended.argmax()))

    def _decode_scalar(self, rows: Integers) -> Integers:
        table = slots(self.tables).data
        values = np.empty(rows.shape, np.uint32)
        for s, payload in enumerate(self.payloads):
            shift = int(self.ends[s]) - len(payload)
            position, end = int(self.positions[s]) - shift, len(payload)
            states = self.states[s].tolist()
            lanes, lane = len(states), 0
            entries = []
            for row in rows[:, s].ravel().tolist():
                x = states[lane]
                while x < 65536 and position < end:
                    x = x << 8 | payload[position]
                    position += 1
                entry = table[row + (x & 4095)]
                states[lane] = (entry >> 7 & 8191) * (x >> 12) + (entry >> 20)
                entries.append(entry & 127)
                lane += 1
                if lane == lanes:
                    lane = 0
            values[:, s] = np.array(entries, np.uint32).reshape(-1, lanes)
            self.states[s] = states
            self.positions[s] = position + shift
        return values

    def _decode(self, rows: Integers) -> Integers:
        table = slots(self.tables)
        steps = len(rows)
        x = self.states.reshape(-1)
        rows = rows.reshape(steps, x.size)
        entries = np.empty(rows.shape, np.uint32)
        slot = np.empty(x.size, np.intp)
        for t in range(steps):
            self._refill(x)
            np.add(x & (TOTAL - 1), rows[t], out=slot, casting="unsafe")
            entry = table.take(slot, out=entries[t], mode="clip")  # in range: row <= 71 * 4096, slot < 4096
            x >>= PRECISION
            x *= (entry >> _FREQUENCY) & (2 * TOTAL - 1)  # < f * 2^12 <= 2^24
            x += entry >> _RANK
        self.states = x.reshape(self.states.shape)
        return entries

    def _refill(self, x: npt.NDArray[np.uint32]) -> None:
        """Let every lane below 2^16 take one or two bytes, in order, as far as its stream has them."""
        low = (x < LOW).nonzero()[0]
        if not low.size:
            return
        state = x[low]
        # one byte brings 256 or more to 2^16; two bring 16 there, and x >= 16 f while bytes are left
        twice = state < 256
        if self.lanes == 1:
            start, end = self.positions[low], self.ends[low]
            self.positions[low] = np.minimum(start + 1 + twice, end)
        else:
            taken = np.cumsum(twice) + np.arange(1, low.size + 1)
            start = taken - 1 - twice
            if self.streams == 1:
                start += self.positions[0]
                end = self.ends[0]
                self.positions[0] = min(int(self.positions[0] + taken[-1]), int(end))
            else:
                stream = low // self.lanes
                bounds = np.searchsorted(low, np.arange(self.streams + 1) * self.lanes)
                before = np.append(0, taken)[bounds]
                start += (self.positions - before[:-1])[stream]
                end = self.ends[stream]
                self.positions = np.minimum(self.positions + np.diff(before), self.ends)
        once = state << 8 | self.data.take(start, mode="clip")
        if twice.any():
            twice &= start + 1 < end
            once = np.where(twice, once << 8 | self.data.take(start + 1, mode="clip"), once)
        x[low] = np.where(start < end, once, state)

    def finish(self, checks: Sequence[int]) -> None:
        """Check that every stream is used up and has landed on its checksum, a CRC-32 each.

        Raises TrailingBytes, TruncatedFile or ChecksumMismatch. What was damaged in between can show as any
        of them.
        """
        x = self.states.reshape(-1)
        self._refill(x)
        expected = first_states(self.lanes, checks)
        wrong = (self.states != expected).any(axis=1)
        over = self.positions < self.ends
        for s in np.flatnonzero(wrong | over).tolist():
            if over[s]:
                self.fail(TrailingBytes, "bytes follow the end of the packed data, or it is damaged", s)
            # a lane that found no bytes has stayed below 2^16; a single one may, but not below its end
            if (self.states[s] < np.minimum(expected[s], LOW)).any():
                self.fail(TruncatedFile, "the packed data ends early, or it is damaged", s)
            self.fail(ChecksumMismatch, "the packed data is damaged: its checksum does not match", s)
