/** Section 12: lossless and near-lossless files, whose payload holds the samples of the picture. */

import { LOSSLESS } from "./container.js";
import { crc32 } from "./crc32.js";
import { InvalidValue, TruncatedFile } from "./errors.js";
import type { LosslessStage, Model } from "./model.js";
import { ACTIVATION_LIMIT, type Engine, type Network, clamp } from "./network.js";
import { type Panel, allPanels, panelsOf, seedOf, splitPayload, unpacker } from "./panels.js";

const LAST_SAMPLE = 255;
/** Means are in quarters of a level. */
const LAST_QUARTER = 4 * LAST_SAMPLE;
const LAST_SCALE = 31;
const LAST_LEVEL = 9;
const EDGE = 3;
/** The neighbours [rows down, columns to the right] whose errors are inputs. */
const ERROR_NEIGHBOURS = [
  [0, -1],
  [-1, 0],
  [-1, 1],
  [-1, -1],
  [0, -2],
  [-2, 0],
];

type Read = (classes: Uint8Array) => Int32Array;

/** As an input of a network. */
function limited(value: number): number {
  return clamp(value, -ACTIVATION_LIMIT, ACTIVATION_LIMIT);
}

function median(left: number, above: number, corner: number): number {
  const [low, high] = left < above ? [left, above] : [above, left];
  return clamp(left + above - corner, low, high);
}

/** The sample of a residual: the end of section 12.4. */
function sampleOf(residual: number, mean: number, error: number): number {
  const step = 2 * error + 1;
  const centre = (mean + 2) >> 2;
  const sign = mean % 4 >= 2 ? -1 : 1;
  const down = Math.floor((centre + error) / step);
  const up = Math.floor((LAST_SAMPLE - centre + error) / step);
  const room = Math.min(down, up);
  const wide = sign * (up - down) > 0 ? 1 : -1;
  let steps = residual;
  if (residual > room) steps = wide * (2 * residual - room - 1);
  else if (residual < -room) steps = wide * (-2 * residual - room);
  return clamp(centre + sign * steps * step, 0, LAST_SAMPLE);
}

/**
 * Decodes the samples of a panel, step by step. Channels are numbered in the order of coding. The arrays of a step have
 * a row for each of its pixels.
 */
export class PanelWalk {
  readonly #stage: LosslessStage;
  readonly #channels: number;
  /** Samples and their errors, with a border as wide as the window above and on both sides. */
  readonly #samples: Uint8Array;
  readonly #errors: Int16Array;
  /** Values from a row to the next. */
  readonly #line: number;
  /** From a pixel to its neighbours, in values. */
  readonly #window: Int32Array;
  readonly #errorWindow: Int32Array;
  /** For each difference that the linear prediction uses, which one of the window it is. */
  readonly #linear: Int32Array;
  readonly #places: Int32Array;
  readonly #differences: Int16Array;
  readonly #bases: Uint8Array;
  readonly #levels: Uint8Array;
  readonly #inputs: Int16Array;
  readonly #headInputs: Int16Array[];

  constructor(
    readonly model: Model,
    stage: LosslessStage,
    readonly engine: Engine,
    readonly panel: Pick<Panel, "height" | "width">,
    /** Coded channels. */
    readonly coded: number,
    readonly error: number,
  ) {
    const { shape, trunk, heads, window, linearWindow } = stage;
    const { height, width } = panel;
    const channels = model.description.channels;
    const line = (width + 2 * shape.reach) * channels;
    const steps = (neighbours: number[][]): Int32Array =>
      Int32Array.from(neighbours, ([dy, dx]) => dy * line + dx * channels);
    this.#stage = stage;
    this.#channels = channels;
    this.#line = line;
    this.#samples = new Uint8Array((height + shape.reach) * line);
    this.#errors = new Int16Array(this.#samples.length);
    this.#window = steps(window);
    this.#errorWindow = steps(ERROR_NEIGHBOURS);
    const inner = linearWindow.map(([dy, dx]) => window.findIndex(([y, x]) => y === dy && x === dx));
    this.#linear = Int32Array.from(inner.flatMap((i) => Array.from({ length: channels }, (_, c) => i * channels + c)));
    const most = Math.min(height, Math.ceil(width / 2));
    this.#places = new Int32Array(most);
    this.#differences = new Int16Array(most * window.length * channels);
    this.#bases = new Uint8Array(most * channels);
    this.#levels = new Uint8Array(most);
    this.#inputs = new Int16Array(most * trunk.inputs);
    this.#headInputs = heads.slice(0, coded).map(({ inputs }) => new Int16Array(most * inputs));
  }

  /** `read`: residuals, from classes. */
  decode(read: Read): void {
    const { height, width } = this.panel;
    const { reach } = this.#stage.shape;
    for (let t = 0; t < width + 2 * height - 2; t++) {
      let count = 0;
      for (let y = Math.max(0, (t - width + 2) >> 1); y < height && 2 * y <= t; y++, count++) {
        const x = t - 2 * y;
        this.#places[count] = (y + reach) * this.#line + (x + reach) * this.#channels;
        this.#gather(count, y, x);
      }
      if (count) this.#step(count, read); // of a single column, every second step has no pixel
    }
  }

  /** The coded samples, row by row. */
  result(): Uint8Array {
    const { height, width } = this.panel;
    const { reach } = this.#stage.shape;
    const out = new Uint8Array(height * width * this.coded);
    for (let y = 0, to = 0; y < height; y++)
      for (let x = 0, at = (y + reach) * this.#line + reach * this.#channels; x < width; x++, at += this.#channels)
        for (let c = 0; c < this.coded; c++) out[to++] = this.#samples[at + c];
    return out;
  }

  /** Section 12.3, for pixel `p` of a step. */
  #gather(p: number, y: number, x: number): void {
    const channels = this.#channels;
    const { tile } = this.model.description;
    const { width } = this.panel;
    const inputs = this.#inputs;
    const errors = this.#errors;
    const at = this.#places[p];
    const level = this.#level(at);
    this.#levels[p] = level;
    this.#findBases(p, y, x);
    let to = p * this.#stage.trunk.inputs;
    const begin = p * this.#window.length * channels;
    this.#findDifferences(begin, p, y, x);
    for (let i = begin; i < begin + this.#window.length * channels; i++)
      inputs[to++] = limited((this.#differences[i] * 128) >> level);
    for (const step of this.#errorWindow)
      for (let c = 0; c < channels; c++) inputs[to++] = limited((errors[at + step + c] * 64) >> level);
    for (let c = 0; c < channels; c++) inputs[to++] = 2 * this.#bases[p * channels + c] - 256;
    for (const distance of [x, y, width - 1 - x]) inputs[to++] = 32 * Math.min(EDGE, distance);
    inputs[to++] = 32 * level - 96;
    inputs[to++] = 64 * (32 - Math.clz32(this.error));
    if (!tile) return;
    inputs[to++] = limited(8 * ((y % tile[0]) - (tile[0] >> 1)));
    inputs[to] = limited(8 * ((x % tile[1]) - (tile[1] >> 1)));
  }

  #level(at: number): number {
    let sum = 0;
    for (const step of this.#errorWindow)
      for (let c = 0; c < this.#channels; c++) sum += Math.abs(this.#errors[at + step + c]);
    return Math.min(LAST_LEVEL, 31 - Math.clz32(Math.floor(sum / (3 * this.#channels)) + 1));
  }

  #findBases(p: number, y: number, x: number): void {
    const channels = this.#channels;
    const samples = this.#samples;
    for (let c = 0; c < channels; c++) {
      const at = this.#places[p] + c;
      const [left, above] = [samples[at - channels], samples[at - this.#line]];
      let base = x > 0 ? left : y > 0 ? above : 128;
      if (x > 0 && y > 0) base = median(left, above, samples[at - this.#line - channels]);
      this.#bases[p * channels + c] = base;
    }
  }

  /** Of the neighbours from the base, 0 outside the panel. */
  #findDifferences(begin: number, p: number, y: number, x: number): void {
    const channels = this.#channels;
    const { shape, window } = this.#stage;
    const inside = y >= shape.reach && x >= shape.reach && x + shape.reach < this.panel.width;
    let to = begin;
    for (let i = 0; i < window.length; i++) {
      const [dy, dx] = window[i];
      const known = inside || (y + dy >= 0 && x + dx >= 0 && x + dx < this.panel.width);
      const from = this.#places[p] + this.#window[i];
      for (let c = 0; c < channels; c++)
        this.#differences[to++] = known ? this.#samples[from + c] - this.#bases[p * channels + c] : 0;
    }
  }

  #step(count: number, read: Read): void {
    const { heads, offset, trunk } = this.#stage;
    const hidden = this.#run(trunk, this.#inputs, count);
    const means = new Int16Array(count);
    const linear = new Int16Array(count);
    const classes = new Uint8Array(count);
    for (let c = 0; c < this.coded; c++) {
      const rows = this.#headInputs[c];
      const { inputs } = heads[c];
      const own = inputs - 1 - 2 * c;
      for (let p = 0; p < count; p++) {
        linear[p] = this.#linearOf(p, c);
        rows.set(hidden.subarray(p * own, (p + 1) * own), p * inputs);
        this.#see(rows, p * inputs + own, p, c, linear[p]);
      }
      const output = this.#run(heads[c], rows, count);
      for (let p = 0, out = 0; p < count; p++, out += 2 + c) {
        const at = this.#places[p];
        let added = output[out] * 2 ** (this.#levels[p] + 1);
        for (let k = 0; k < c; k++) added += output[out + 2 + k] * this.#errors[at + k];
        means[p] = clamp(linear[p] + (added >> 6), 0, LAST_QUARTER);
        const scale = clamp(output[out + 1] + 3 * this.#levels[p] + offset[this.error], 0, LAST_SCALE);
        classes[p] = 2 * scale + (this.error === 0 ? ((means[p] + 1) >> 1) & 1 : 0);
      }
      const residuals = read(classes);
      for (let p = 0; p < count; p++) {
        const found = sampleOf(residuals[p], means[p], this.error);
        const at = this.#places[p] + c;
        const end = this.coded < this.#channels ? at + this.#channels : at + 1; // gray: all channels equal the first
        this.#samples.fill(found, at, end);
        this.#errors.fill(4 * found - linear[p], at, end);
      }
    }
  }

  #linearOf(p: number, c: number): number {
    const channels = this.#channels;
    const weights = this.#stage.linear;
    const begin = p * this.#window.length * channels;
    const base = p * channels;
    let row = c;
    let sum = 8;
    for (const i of this.#linear) {
      sum += this.#differences[begin + i] * weights[row];
      row += channels;
    }
    for (let k = 0; k < c; k++, row += channels)
      sum += (this.#samples[this.#places[p] + k] - this.#bases[base + k]) * weights[row];
    return clamp(4 * this.#bases[base + c] + (sum >> 4), 0, LAST_QUARTER);
  }

  /** What the network of a channel sees beside the outputs of the trunk. */
  #see(rows: Int16Array, to: number, p: number, c: number, linear: number): void {
    const level = this.#levels[p];
    rows[to] = limited(((linear - 4 * this.#bases[p * this.#channels + c]) * 32) >> level);
    for (let k = 0; k < c; k++) {
      const error = this.#errors[this.#places[p] + k];
      rows[to + 1 + 2 * k] = limited((error * 64) >> level);
      rows[to + 2 + 2 * k] = limited(error * 32);
    }
  }

  #run(network: Network, data: Int16Array, columns: number): Int16Array {
    const column = network.inputs;
    return this.engine.run(network, { data, first: 0, rows: 1, columns, row: columns * column, column });
  }
}

/** N, 0 in a lossless file, and the rest of the payload. `quality`: LOSSLESS or NEAR_LOSSLESS. */
export function readMaxError(quality: number, payload: Uint8Array): { maxError: number; rest: Uint8Array } {
  if (quality === LOSSLESS) return { maxError: 0, rest: payload };
  if (payload.length === 0) throw new TruncatedFile("the file ends before its largest error");
  if (payload[0] === 0) throw new InvalidValue("the file states a largest error of 0, which needs no statement");
  return { maxError: payload[0], rest: payload.subarray(1) };
}

/** What the header of a lossless file tells. */
export interface SampledPicture {
  height: number;
  width: number;
  /** Of the picture: 1 if it is gray. */
  channels: 1 | 3;
  quality: number;
  /** Whether the file has the small form. */
  small: boolean;
  /** The checksum of the header. */
  seed: number;
}

/** The samples of a picture (height, width, channels), not inverted yet. `pause` is called between panels. */
export async function decodeSamples(
  model: Model,
  engine: Engine,
  picture: SampledPicture,
  payload: Uint8Array,
  pause: () => Promise<void>,
): Promise<Uint8Array> {
  const stage = model.lossless;
  if (!stage) throw new InvalidValue(`the file is lossless, and the model ${model.name} has no lossless stage`);
  const { height, width, channels, seed, small } = picture;
  const { block, tile } = model.description;
  const { maxError, rest } = readMaxError(picture.quality, payload);
  const grid = panelsOf(height, width, tile ?? [block, block]);
  const panels = allPanels(grid);
  const elements = panels.map((panel) => panel.height * panel.width * channels);
  const parts = splitPayload(rest, "rans", elements);
  const order = channels < model.description.channels ? [0] : stage.shape.order;
  let data: Uint8Array | null = null;
  for (const [i, panel] of panels.entries()) {
    if (i > 0) await pause();
    const decoder = unpacker("rans", stage.tables, parts[i], elements[i], small);
    const walk = new PanelWalk(model, stage, engine, panel, channels, maxError);
    walk.decode((classes) => decoder.read(classes));
    const samples = walk.result();
    decoder.finish(crc32(samples, seedOf(i, panels.length, seed)));
    data ??= new Uint8Array(height * width * channels);
    for (let y = 0, from = 0; y < panel.height; y++) {
      let to = ((panel.top + y) * width + panel.left) * channels;
      for (let x = 0; x < panel.width; x++, to += channels)
        for (let c = 0; c < channels; c++) data[to + order[c]] = samples[from++];
    }
  }
  return data as Uint8Array;
}
