"""Damaged and hostile files end in a picture or an AecError, soon and without much memory."""

from __future__ import annotations

import pytest

import aecodec
from benchmarks import fuzz
from benchmarks.fuzz import Limits
from benchmarks.mutations import MUTATIONS, SET_MUTATIONS

SMALL = 120  # bytes of a file: decoded in a millisecond or two
GENEROUS = Limits(milliseconds=1000, megabytes=50)  # other work on the machine takes time, but no memory of ours


@pytest.mark.parametrize("start", range(0, 300, 100))
def test_some_inputs_end_in_a_picture_or_an_aec_error(start: int) -> None:
    log = fuzz.judge(7, range(start, start + 100), fuzz.originals(SMALL), GENEROUS)
    assert log.failures == []
    assert log.inputs == sum(log.outcomes.values()) == 100


@pytest.mark.slow
def test_ten_thousand_inputs_end_in_every_way_that_decoding_can() -> None:
    files = fuzz.originals(SMALL)
    assert len(files) > 10
    log = fuzz.judge(1, range(10_000), files, GENEROUS)
    assert log.failures == []
    assert log.inputs == sum(log.outcomes.values()) == 10_000
    found = {outcome for _, outcome in log.outcomes}
    errors = {error.__name__ for error in aecodec.AecError.__subclasses__()}
    # The others are about encoding and model files.
    assert found == {"picture"} | errors - {"UnsupportedImage", "InvalidModelFile", "Unreachable"}
    assert {mutation for mutation, _ in log.outcomes} == {*MUTATIONS, fuzz.SEVERAL}


def test_an_input_is_made_again_from_its_seed_and_number() -> None:
    files = fuzz.originals(SMALL)
    once = [fuzz.make(5, number, files) for number in range(300)]
    assert once == [fuzz.make(5, number, files) for number in range(300)]
    assert len({item.data for item in once}) > 280
    assert once != [fuzz.make(6, number, files) for number in range(300)]


def test_what_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    files = fuzz.originals(SMALL)
    assert fuzz.judge(0, range(50), files, Limits(1e-6, 50)).failures, "too slow"
    assert fuzz.judge(0, range(50), files, Limits(1000, -1e9)).failures, "too large"

    def crash(item: fuzz.Input) -> str:
        raise IndexError("out of range")

    monkeypatch.setattr(fuzz, "outcome", crash)
    log = fuzz.judge(0, range(5), files, GENEROUS)
    assert [number for number, _ in log.failures] == [0, 1, 2, 3, 4]
    assert "IndexError: out of range" in log.failures[0][1]


def test_a_campaign_in_parts_counts_the_same_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "CHUNK", 40)
    files = fuzz.originals(SMALL)
    whole, end = fuzz.campaign(files, 2, 0, 100, 1, GENEROUS)
    first, middle = fuzz.campaign(files, 2, 0, 60, 1, GENEROUS)
    rest, last = fuzz.campaign(files, 2, middle, 100 - middle, 1, GENEROUS)
    first.add(rest)
    assert (middle, end, last) == (60, 100, 100)
    assert first.outcomes == whole.outcomes
    assert "| all " in fuzz.report(whole, 2, 0, end, len(files), 1.0)


@pytest.mark.parametrize("start", range(0, 300, 100))
def test_some_damaged_data_sets_end_in_pictures_or_an_aec_error(start: int) -> None:
    log = fuzz.judge(11, range(start, start + 100), fuzz.data_sets(), GENEROUS)
    assert log.failures == []
    assert log.inputs == sum(log.outcomes.values()) == 100


@pytest.mark.slow
def test_ten_thousand_damaged_data_sets_meet_every_mutation() -> None:
    log = fuzz.judge(3, range(10_000), fuzz.data_sets(), GENEROUS)
    assert log.failures == []
    assert {mutation for mutation, _ in log.outcomes} == {*SET_MUTATIONS, fuzz.SEVERAL}
    assert {outcome for _, outcome in log.outcomes} >= {"picture", "ChecksumMismatch", "TruncatedFile", "InvalidValue"}
