/** Section 6.8: the finishing network. */

import type { FinishStage, Model } from "./model.js";
import type { Engine } from "./network.js";

/** Of a sample with two fraction bits, and what is taken from it for the network. */
const LAST_FINE = 1023;
const MIDDLE = 512;

/** How many blocks the network looks in each direction. */
export function finishMargin(model: Model): number {
  if (!model.finish) return 0;
  const { cell, layers } = model.finish.shape;
  return Math.ceil((layers.reduce((sum, { kernel }) => sum + (kernel >> 1), 0) * cell) / model.description.block);
}

/** Samples, block by block, from the outputs of the inverse transform for a grid of blocks. */
export function finish(
  model: Model,
  stage: FinishStage,
  engine: Engine,
  quality: number,
  outputs: Int16Array,
  rows: number,
  columns: number,
): Int16Array {
  const { block, channels, cues } = model.description;
  const { cell, places } = stage.shape;
  const side = block / cell;
  const own = cell * cell * channels;
  const inputs = own + places + cues;
  const [high, wide] = [rows * side, columns * side];
  const run = cell * channels;
  const cue = model.cue.subarray((quality - 1) * cues, quality * cues);
  const data = new Int16Array(high * wide * inputs);
  /** Where a row of samples of a cell begins in its block. */
  const sampleAt = (y: number, x: number, dy: number): number => {
    const start = (Math.floor(y / side) * columns + Math.floor(x / side)) * block * block;
    return (start + ((y % side) * cell + dy) * block + (x % side) * cell) * channels;
  };
  for (let y = 0, at = 0; y < high; y++)
    for (let x = 0; x < wide; x++, at += inputs) {
      for (let dy = 0; dy < cell; dy++)
        for (let k = 0, from = sampleAt(y, x, dy); k < run; k++, from++)
          data[at + dy * run + k] = Math.max(0, Math.min(LAST_FINE, outputs[from])) - MIDDLE;
      const place = ((y % side) * side + (x % side)) * places;
      data.set(stage.place.subarray(place, place + places), at + own);
      data.set(cue, at + own + places);
    }
  const grid = { data, first: 0, rows: high, columns: wide, row: wide * inputs, column: inputs };
  const added = engine.run(stage.network, grid);
  const samples = new Int16Array(outputs.length);
  for (let y = 0, at = 0, change = 0; y < high; y++)
    for (let x = 0; x < wide; x++, at += inputs)
      for (let dy = 0; dy < cell; dy++)
        for (let k = 0, to = sampleAt(y, x, dy); k < run; k++, to++, change++)
          samples[to] = (data[at + dy * run + k] + MIDDLE + added[change]) >> 2; // clamped when it is painted
  return samples;
}
