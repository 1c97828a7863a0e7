/** Sections 6.6 and 6.7: from elements to pixels. */

import { finish, finishMargin } from "./finish.js";
import { type Strip, contextChannels } from "./ladder.js";
import type { Model } from "./model.js";
import { ACTIVATION_LIMIT, type Engine, type Grid } from "./network.js";

/** Blocks in each direction that are corrected at once. */
const WINDOW = 64;
const LAST_SAMPLE = 255;

/** Samples of the canvas: row by row, pixel by pixel, channel by channel. */
export interface Canvas {
  data: Uint8Array;
  width: number;
  channels: number;
}

/** How many blocks the correction looks in each direction. */
function correctionMargin(model: Model): number {
  return model.description.correction_layers.reduce((sum, { kernel }) => sum + (kernel >> 1), 0);
}

/** How many blocks the way to pixels looks in each direction. */
export function margin(model: Model): number {
  return correctionMargin(model) + finishMargin(model);
}

/** Blocks of a strip: rows `top`..`bottom`-1, columns `left`..`right`-1. */
interface Window {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

function grown({ top, bottom, left, right }: Window, by: number, strip: Strip): Window {
  return {
    top: Math.max(0, top - by),
    bottom: Math.min(strip.rows, bottom + by),
    left: Math.max(0, left - by),
    right: Math.min(strip.columns, right + by),
  };
}

/** Rows `from`..`to`-1 of a strip, whose first one is row `top` of the canvas, in blocks. */
export interface Rows {
  from: number;
  to: number;
  top: number;
}

/**
 * The pixels of some rows of a strip, which holds `margin` more rows on both sides, except at the edges of the canvas.
 */
export function synthesize(
  model: Model,
  engine: Engine,
  quality: number,
  strip: Strip,
  rows: Rows,
  canvas: Canvas,
): void {
  if (model.drawing.length) {
    drawTiles(model, engine, strip, rows, canvas);
    return;
  }
  for (let top = rows.from; top < rows.to; top += WINDOW)
    for (let left = 0; left < strip.columns; left += WINDOW) {
      const bottom = Math.min(rows.to, top + WINDOW);
      const inner = { top, bottom, left, right: Math.min(strip.columns, left + WINDOW) };
      const outer = grown(inner, finishMargin(model), strip);
      let samples = inverse(model, engine, strip, outer);
      const [high, wide] = [outer.bottom - outer.top, outer.right - outer.left];
      if (model.finish) samples = finish(model, model.finish, engine, quality, samples, high, wide);
      paint(model, samples, inner, outer, rows.top, canvas);
    }
}

/** The outputs of the inverse transform for the blocks of a window, block by block. */
function inverse(model: Model, engine: Engine, strip: Strip, window: Window): Int16Array {
  const { coefficients } = model.description;
  const { top, bottom, left, right } = grown(window, correctionMargin(model), strip);
  const column = contextChannels(model);
  const first = (top * strip.columns + left) * column;
  const columns = right - left;
  const context = { data: strip.context, first, rows: bottom - top, columns, row: strip.columns * column, column };
  const correction = engine.run(model.correctionNetwork, context);
  const [high, wide] = [window.bottom - window.top, window.right - window.left];
  const both = 2 * coefficients;
  const data = new Int16Array(high * wide * both);
  for (let y = window.top, at = 0; y < window.bottom; y++)
    for (let x = window.left; x < window.right; x++, at += both) {
      const element = (y * strip.columns + x) * coefficients;
      const change = ((y - top) * columns + x - left) * coefficients;
      data.set(strip.plane.subarray(element, element + coefficients), at);
      data.set(correction.subarray(change, change + coefficients), at + coefficients);
    }
  const sums: Grid = { data, first: 0, rows: high, columns: wide, row: wide * both, column: both };
  return engine.run(model.synthesis, sums);
}

/** Puts the samples of blocks `inner`, of those of blocks `outer`, on the canvas. */
function paint(model: Model, samples: Int16Array, inner: Window, outer: Window, top: number, canvas: Canvas): void {
  const { block, channels } = model.description;
  const run = block * channels;
  const line = canvas.width * channels;
  for (let y = inner.top; y < inner.bottom; y++)
    for (let x = inner.left; x < inner.right; x++) {
      let at = ((y - outer.top) * (outer.right - outer.left) + x - outer.left) * block * run;
      for (let dy = 0, to = (top + y) * block * line + x * run; dy < block; dy++, to += line)
        for (let k = 0; k < run; k++, at++) {
          const sample = samples[at];
          canvas.data[to + k] = sample < 0 ? 0 : sample > LAST_SAMPLE ? LAST_SAMPLE : sample;
        }
    }
}

function drawTiles(model: Model, engine: Engine, strip: Strip, { from, to, top }: Rows, canvas: Canvas): void {
  const d = model.description;
  const [height, width] = d.tile as [number, number];
  const run = width * d.channels;
  for (let y = from; y < to; y += height / d.block)
    for (let x = 0; x < strip.columns; x += width / d.block) {
      const vector = (y * strip.columns + x) * contextChannels(model);
      const pixels = draw(model, engine, strip.context.subarray(vector, vector + d.vector));
      const corner = ((top + y) * d.block * canvas.width + x * d.block) * d.channels;
      for (let row = 0; row < height; row++)
        for (let k = 0; k < run; k++)
          canvas.data[corner + row * canvas.width * d.channels + k] =
            model.tone[pixels[row * run + k] + ACTIVATION_LIMIT];
    }
}

/** The last grid of a tile: section 6.7. */
function draw(model: Model, engine: Engine, vector: Int16Array): Int16Array {
  let [data, height, width] = [vector, 1, 1];
  for (const [index, { activation, crop, grow, units }] of model.description.synthesis_layers.entries()) {
    const network = model.drawing[index];
    const { inputs } = network;
    const sums = engine.run(network, {
      data,
      first: 0,
      rows: height,
      columns: width,
      row: width * inputs,
      column: inputs,
    });
    const n = units / grow ** 2;
    const [high, wide] = [height * grow - 2 * crop, width * grow - 2 * crop];
    const made = new Int16Array(high * wide * n);
    for (let y = 0, to = 0; y < high; y++)
      for (let x = 0; x < wide; x++) {
        const [py, px] = [y + crop, x + crop];
        const place = Math.floor(py / grow) * width + Math.floor(px / grow);
        const unit = ((py % grow) * grow + (px % grow)) * n;
        for (let c = 0; c < n; c++, to++) {
          const value = sums[place * units + unit + c];
          made[to] = activation === "relu" && value < 0 ? 0 : value;
        }
      }
    [data, height, width] = [made, high, wide];
  }
  return data;
}
