/** Sections 6.6 and 6.7: from elements to pixels. */

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

/** How many blocks the way to pixels looks in each direction. */
export function margin(model: Model): number {
  return model.description.correction_layers.reduce((sum, { kernel }) => sum + (kernel >> 1), 0);
}

/**
 * The pixels of rows `from`..`to`-1 of a strip, whose first row of blocks is row `top` of the canvas. The strip holds
 * `margin` more rows on both sides, except at the edges of the canvas.
 */
export function synthesize(model: Model, engine: Engine, strip: Strip, [from, to, top]: number[], canvas: Canvas): void {
  if (model.drawing.length) {
    drawTiles(model, engine, strip, from, to, top, canvas);
    return;
  }
  for (let y = from; y < to; y += WINDOW)
    for (let x = 0; x < strip.columns; x += WINDOW)
      synthesizeWindow(model, engine, strip, [y, Math.min(to, y + WINDOW), x, Math.min(strip.columns, x + WINDOW)], top, canvas);
}

function synthesizeWindow(
  model: Model, engine: Engine, strip: Strip, [y0, y1, x0, x1]: number[], top: number, canvas: Canvas,
): void {
  const { block, channels, coefficients } = model.description;
  const m = margin(model);
  const [above, left] = [Math.max(0, y0 - m), Math.max(0, x0 - m)];
  const [rows, columns] = [Math.min(strip.rows, y1 + m) - above, Math.min(strip.columns, x1 + m) - left];
  const column = contextChannels(model);
  const first = (above * strip.columns + left) * column;
  const context = { data: strip.context, first, rows, columns, row: strip.columns * column, column };
  const correction = engine.run(model.correctionNetwork, context);
  const [high, wide] = [y1 - y0, x1 - x0];
  const data = new Int16Array(high * wide * 2 * coefficients);
  for (let y = y0, at = 0; y < y1; y++)
    for (let x = x0; x < x1; x++, at += 2 * coefficients) {
      const element = (y * strip.columns + x) * coefficients;
      const change = ((y - above) * columns + x - left) * coefficients;
      data.set(strip.plane.subarray(element, element + coefficients), at);
      data.set(correction.subarray(change, change + coefficients), at + coefficients);
    }
  const inner = 2 * coefficients;
  const sums: Grid = { data, first: 0, rows: high, columns: wide, row: wide * inner, column: inner };
  const samples = engine.run(model.synthesis, sums);
  const run = block * channels;
  for (let y = y0, at = 0; y < y1; y++)
    for (let x = x0; x < x1; x++)
      for (let dy = 0; dy < block; dy++) {
        const begin = ((top + y) * block + dy) * canvas.width * channels + x * run;
        for (let k = 0; k < run; k++, at++) {
          const sample = samples[at];
          canvas.data[begin + k] = sample < 0 ? 0 : sample > LAST_SAMPLE ? LAST_SAMPLE : sample;
        }
      }
}

function drawTiles(
  model: Model, engine: Engine, strip: Strip, from: number, to: number, top: number, canvas: Canvas,
): void {
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
          canvas.data[corner + row * canvas.width * d.channels + k] = model.tone[pixels[row * run + k] + ACTIVATION_LIMIT];
    }
}

/** The last grid of a tile: section 6.7. */
function draw(model: Model, engine: Engine, vector: Int16Array): Int16Array {
  let [data, height, width] = [vector, 1, 1];
  for (const [index, { activation, crop, grow, units }] of model.description.synthesis_layers.entries()) {
    const network = model.drawing[index];
    const { inputs } = network;
    const sums = engine.run(network, { data, first: 0, rows: height, columns: width, row: width * inputs, column: inputs });
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
