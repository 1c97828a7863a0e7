/** Section 19: from a reconstruction to the picture, or to within a largest error of it. */

import type { PackingName } from "./container.js";
import { crc32, littleEndian } from "./crc32.js";
import { positions } from "./description.js";
import { InvalidValue, TruncatedFile } from "./errors.js";
import type { Model, RemainderStage } from "./model.js";
import type { Engine } from "./network.js";
import { type Panel, type PanelGrid, type Unpacker, numberBytes, panelAt, splitPayload, unpacker } from "./panels.js";
import type { Canvas } from "./synthesis.js";

const LAST_SAMPLE = 255;
const LAST_CLASS = 63;
const SHARE_BITS = 6;

function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

/** The part of the picture in a panel, and its cells. */
interface Cells extends Panel {
  rows: number;
  columns: number;
}

/** The samples of one panel's cells, and their context: section 19.2. */
class Stage {
  readonly #base: Uint8Array;
  readonly #context: Int16Array;
  readonly #given: number;
  readonly #channels: number;

  constructor(
    readonly model: Model,
    readonly stage: RemainderStage,
    readonly cells: Cells,
    readonly canvas: Canvas,
    quality: number,
    readonly error: number,
  ) {
    const { samples, cues } = stage.shape;
    const own = model.description.cues;
    this.#given = own + cues + samples;
    this.#channels = this.#given + samples;
    const count = cells.rows * cells.columns;
    this.#base = new Uint8Array(count * samples);
    this.#context = new Int16Array(count * this.#channels);
    const row = new Int16Array(own + cues);
    row.set(model.cue.subarray((quality - 1) * own, quality * own));
    row.set(stage.cue.subarray(error * cues, (error + 1) * cues), own);
    for (let cell = 0; cell < count; cell++) {
      const context = cell * this.#channels;
      this.#context.set(row, context);
      for (let c = 0; c < samples; c++) {
        const b = canvas.data[this.#place(cell, c)];
        this.#base[cell * samples + c] = b;
        this.#context[context + own + cues + c] = 8 * b - 1020;
      }
    }
  }

  /** Where channel `c` of a cell lies in the canvas. */
  #place(cell: number, c: number): number {
    const { block, order } = this.stage.shape;
    const { top, left, columns } = this.cells;
    const run = block * this.canvas.channels;
    const dy = Math.floor(order[c] / run);
    const [y, x] = [Math.floor(cell / columns), cell % columns];
    return ((top + y * block + dy) * this.canvas.width + left + x * block) * this.canvas.channels + (order[c] % run);
  }

  /** Section 19.3. */
  pass(index: number, engine: Engine, read: (classes: Uint8Array) => Int32Array): void {
    const { shape, networks, offset } = this.stage;
    const { rows, columns } = this.cells;
    const { lo, hi } = shape.passes[index];
    const count = hi - lo;
    const where = positions(shape.passes[index], rows, columns);
    const column = this.#channels;
    const grid = { data: this.#context, first: 0, rows, columns, row: columns * column, column };
    const network = networks[index];
    const output = engine.run(network, grid, where);
    const units = output.length / Math.max(1, where.length);
    const off = Array.from({ length: count }, () => new Int16Array(where.length));
    const means = new Uint8Array(where.length);
    const classes = new Uint8Array(where.length);
    for (let k = 0; k < count; k++) {
      const first = 2 * count + (k * (k - 1)) / 2;
      for (let p = 0, out = 0; p < where.length; p++, out += units) {
        let shared = 0;
        for (let i = 0; i < k; i++) shared += output[out + first + i] * off[i][p];
        const b = this.#base[where[p] * shape.samples + lo + k];
        means[p] = clamp(b + output[out + k] + (k ? (shared + 32) >> SHARE_BITS : 0), 0, LAST_SAMPLE);
        classes[p] = clamp(output[out + count + k] + offset[this.error], 0, LAST_CLASS);
      }
      const residuals = read(classes);
      for (let p = 0; p < where.length; p++) {
        const value = this.#sample(means[p], residuals[p]);
        off[k][p] = value - means[p];
        this.canvas.data[this.#place(where[p], lo + k)] = value;
        const known = where[p] * this.#channels + this.#given + lo + k;
        this.#context[known] = 4 * (value - this.#base[where[p] * shape.samples + lo + k]);
      }
    }
  }

  #sample(mean: number, r: number): number {
    const step = 2 * this.error + 1;
    const room = Math.floor((Math.min(mean, LAST_SAMPLE - mean) + this.error) / step);
    const away = mean < 128 ? 1 : -1;
    const steps = r > room ? 2 * r - room - 1 : r < -room ? -2 * r - room : r;
    return clamp(mean + away * steps * step, 0, LAST_SAMPLE);
  }
}

/** What the section tells before it is decoded. */
export function maxErrorOf(content: Uint8Array): number {
  if (content.length === 0) throw new TruncatedFile("the remainder of the file is empty");
  return content[0];
}

/** Decodes the samples of the picture anew, in place of the reconstruction on the canvas. */
export async function finishPicture(
  model: Model,
  engine: Engine,
  header: { quality: number; packing: PackingName },
  content: Uint8Array,
  picture: { height: number; width: number; grid: PanelGrid },
  canvas: Canvas,
  pause: () => Promise<void>,
): Promise<void> {
  const stage = model.remainder;
  if (!stage) throw new InvalidValue(`the file has a remainder, which the model ${model.name} cannot decode`);
  const error = maxErrorOf(content);
  const { block, samples } = stage.shape;
  const { grid } = picture;
  const panels: Cells[] = [];
  for (let row = 0; row < grid.down; row++)
    for (let column = 0; column < grid.across; column++) {
      const panel = panelAt(grid, row, column);
      const rows = Math.ceil(Math.min(panel.height, picture.height - panel.top) / block);
      const columns = Math.ceil(Math.min(panel.width, picture.width - panel.left) / block);
      panels.push({ ...panel, rows, columns });
    }
  const elements = panels.map((cells) => cells.rows * cells.columns * samples);
  const parts = splitPayload(content.subarray(1), header.packing, elements);
  for (const [i, cells] of panels.entries()) {
    await pause();
    const decoder: Unpacker = unpacker(header.packing, stage.tables, parts[i], elements[i]);
    let crc = panels.length > 1 ? crc32(numberBytes(i)) : 0;
    const own = new Stage(model, stage, cells, canvas, header.quality, error);
    for (const index of stage.shape.passes.keys())
      own.pass(index, engine, (classes) => {
        const residuals = decoder.read(classes);
        crc = crc32(littleEndian(residuals), crc);
        return residuals;
      });
    decoder.finish(crc);
  }
}
