"""Walks through the pixels of panels in the order of decoding, by NumPy or by the native library.

A walk predicts every sample and either encodes it, which gives residuals and classes, or decodes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aecodec.models import causal, causal_native
from aecodec.models.causal import Coding, Places, Prediction
from aecodec.packing import Coded, Decoder
from aecodec.packing.native_coders import RansDecoder

if TYPE_CHECKING:
    from numpy.typing import NDArray


AT_ONCE: Final = 1 << 15  # pixels that are predicted together where all samples are known


def encode(coding: Coding, stack: NDArray[np.uint8]) -> tuple[Coded, NDArray[np.uint8]]:
    """Code the samples of panels (S, H, W, coded), given in the order of coding: a pass for each channel of each step.

    With what is coded, the samples (S, H, W, coded) as a decoder finds them.
    """
    if causal_native.can_run(coding):
        return _encode_natively(coding, stack)
    pixels = causal.steps_of(*stack.shape[1:3])
    found: list[list[NDArray[Any]]] = [[] for _ in range(2 * coding.coded)]
    walk = _Walk(coding, stack.shape[:3])
    groups = pixels.begins
    if not coding.max_error:  # what a decoder finds is known beforehand, and pixels do not depend on each other
        walk.know(stack)
        groups = np.append(np.arange(0, pixels.y.size, AT_ONCE), pixels.y.size)
    for begin, end in zip(groups, groups[1:], strict=False):
        target = stack[:, pixels.y[begin:end], pixels.x[begin:end]]

        def code(channel: int, made: Prediction, target: NDArray[Any] = target) -> NDArray[np.int32]:
            classes = causal.class_of(made, coding.stage.offset[coding.max_error], coding.max_error)
            residuals = causal.residual_of(target[..., channel].reshape(-1), made.mean, coding.step)
            found[2 * channel].append(residuals.reshape(target.shape[:2]))
            found[2 * channel + 1].append(classes.reshape(target.shape[:2]))
            return causal.sample_of(residuals, made.mean, coding.step)

        walk.step(pixels.y[begin:end], pixels.x[begin:end], code)
    joined = [np.concatenate(parts, axis=1) for parts in found]
    passes = [slice(*ends) for ends in zip(pixels.begins, pixels.begins[1:], strict=False)]
    coded = Coded(
        [joined[2 * c][:, part] for part in passes for c in range(coding.coded)],
        [joined[2 * c + 1][:, part] for part in passes for c in range(coding.coded)],
    )
    return coded, walk.decoded()


def _encode_natively(coding: Coding, stack: NDArray[np.uint8]) -> tuple[Coded, NDArray[np.uint8]]:
    residuals, classes, decoded = causal_native.encode(coding, stack)
    begins = coding.coded * causal.steps_of(*stack.shape[1:3]).begins
    passes = []
    for begin, end in zip(begins, begins[1:], strict=False):
        size = (end - begin) // coding.coded
        passes += [slice(begin + channel * size, begin + (channel + 1) * size) for channel in range(coding.coded)]
    return Coded([residuals[:, part] for part in passes], [classes[:, part] for part in passes]), decoded


def decode(coding: Coding, size: tuple[int, int, int], decoder: Decoder) -> NDArray[np.uint8]:
    """The samples (S, H, W, coded) of panels (S, H, W), in the order of coding.

    decoder: of a stream for each panel, or of one for all of them. Raises AecError.
    """
    if causal_native.can_run(coding) and isinstance(decoder, RansDecoder):
        return causal_native.decode(coding, size, decoder)
    pixels = causal.steps_of(*size[1:])
    walk = _Walk(coding, size)

    def code(channel: int, made: Prediction) -> NDArray[np.int32]:
        classes = causal.class_of(made, coding.stage.offset[coding.max_error], coding.max_error)
        residuals = decoder.read(classes.reshape(decoder.streams, -1)).reshape(-1)
        return causal.sample_of(residuals, made.mean, coding.step)

    for begin, end in zip(pixels.begins, pixels.begins[1:], strict=False):
        walk.step(pixels.y[begin:end], pixels.x[begin:end], code)
    return walk.decoded()


class _Walk:
    """The samples and errors of panels, step by step, by NumPy."""

    def __init__(self, coding: Coding, size: tuple[int, ...]) -> None:
        self.coding, self.size = coding, size
        self.shape = coding.stage.shape
        empty = np.zeros((*size, coding.model.description.channels), np.int16)
        bordered = causal.bordered(self.shape, empty)
        self.panel, self.line = bordered.shape[1] * bordered.shape[2], bordered.shape[2]
        self.samples = bordered.reshape(-1, empty.shape[3])
        self.errors = np.zeros_like(self.samples)

    def know(self, stack: NDArray[np.uint8]) -> None:
        """Enter all samples (S, H, W, coded) and their errors."""
        channels = self.samples.shape[1]
        full = np.broadcast_to(stack, (*stack.shape[:3], channels)).astype(np.int16)
        self.samples[:] = causal.bordered(self.shape, full).reshape(-1, channels)
        y, x = np.divmod(np.arange(self.size[1] * self.size[2]), self.size[2])
        for begin in range(0, y.size, AT_ONCE):
            places = self.places(y[begin : begin + AT_ONCE], x[begin : begin + AT_ONCE])
            decoded = self.samples[places.at].astype(np.int32)
            near, base = causal.differences(self.samples, places, self.shape.linear_window)
            near = near.reshape(len(near), -1)
            for channel in range(self.coding.coded):
                linear = causal.linear_of(self.coding.stage.linear, near, base, decoded, channel)
                self.errors[places.at, channel] = 4 * decoded[:, channel] - linear
            for channel in range(self.coding.coded, channels):
                self.errors[places.at, channel] = self.errors[places.at, 0]

    def places(self, y: NDArray[np.intp], x: NDArray[np.intp]) -> Places:
        """The places of pixels (P,) of every panel, panel after panel."""
        reach, count = self.shape.reach, self.size[0]
        at = np.arange(count)[:, None] * self.panel + (y + reach) * self.line + x + reach
        return Places(at.reshape(-1), self.line, np.tile(y, count), np.tile(x, count), self.size[2])

    def step(self, y: NDArray[np.intp], x: NDArray[np.intp], code: causal.SampleCoder) -> None:
        """Decode pixels (P,) of every panel, whose neighbours are decoded."""
        if not y.size:
            none = np.zeros(0, np.int32)
            for channel in range(self.coding.coded):
                code(channel, Prediction(none, none, none))
            return
        coding, places = self.coding, self.places(y, x)
        d = coding.model.description
        known = causal.surroundings(d, self.samples, self.errors, places, coding.max_error)
        made = causal.decode_pixels(coding.stage, coding.engine, known, coding.coded, code)
        self.samples[places.at], self.errors[places.at] = made

    def decoded(self) -> NDArray[np.uint8]:
        """The samples (S, H, W, coded)."""
        reach = self.shape.reach
        whole = self.samples.reshape(self.size[0], -1, self.line, self.samples.shape[1])
        return whole[:, reach:, reach : self.line - reach, : self.coding.coded].astype(np.uint8)
