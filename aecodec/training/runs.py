"""The entry point to training: which run the options ask for."""

from __future__ import annotations

from aecodec.models.model import Model
from aecodec.training import classic_run, finish_run, ladder_run, lossless_run
from aecodec.training.classics import CLASSICS, DENSE_LATENT
from aecodec.training.ladder_run import Done, nothing
from aecodec.training.options import TrainingOptions


def run(options: TrainingOptions, done: Done = nothing) -> Model:
    """Train as the options say, write the model file and card, and return the model.

    ``done``: called at the end of a run that creates a new model; see ``ladder_run.run``.
    """
    if options.base:
        return lossless_run.run(options)
    if options.finish:
        return finish_run.run(options)
    if options.preset in CLASSICS:
        return classic_run.run(options, done)
    if options.latent is not None:
        raise ValueError(DENSE_LATENT)
    return ladder_run.run(options, done)
