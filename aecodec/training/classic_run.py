"""A training run of a classic, from data sources to a model file."""

from __future__ import annotations

import time

import numpy as np

from aecodec.models import model as models
from aecodec.models.model import Model
from aecodec.training import classic_training
from aecodec.training.classics import CLASSICS
from aecodec.training.data import gather, pixels_per_tile
from aecodec.training.export import with_card
from aecodec.training.held_out import file_figures
from aecodec.training.ladder_run import TABLE_PIXELS, Done, nothing
from aecodec.training.options import TrainingOptions
from aecodec.training.provenance import provenance, seconds_of_training, store


def run(options: TrainingOptions, done: Done = nothing) -> Model:
    """Train an autoencoder as its authors do, convert it to exact integers, measure both, write model file and card.

    ``done`` is called as by ``ladder_run.run``. Raises ``ValueError`` for options that classics do not have.
    """
    options.require_classic()
    classic = CLASSICS[options.preset].with_latent(options.latent)
    pools, held_out = gather(options, classic)
    started = time.monotonic()
    tiles = np.concatenate([pool.tiles for pool in pools])
    trained = classic_training.train(classic, tiles, held_out, options)
    seconds = seconds_of_training(options.folder, time.monotonic() - started)
    random = np.random.default_rng(options.seed)
    sample = tiles[random.permutation(len(tiles))[: TABLE_PIXELS // pixels_per_tile(tiles)]]
    metadata = {"name": options.model_name, "purpose": classic.purpose}
    data = classic_training.export(trained, sample, metadata, seed=options.seed)
    model = models.load(data)
    card = {
        **provenance(options, pools, held_out, seconds),
        "figures": file_figures(model, held_out),
        "float": classic_training.float_figures(trained, held_out, classic_training.float_outputs(trained, held_out)),
        "integers": classic_training.exact_figures(model, held_out),
    }
    model = store(with_card(data, card), options.output)
    done(options.folder, model, held_out)
    return model
