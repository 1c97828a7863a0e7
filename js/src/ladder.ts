/** Section 6: a latent is decoded pass by pass, each element predicted from what has been decoded so far. */

import { positions } from "./description.js";
import type { Model } from "./model.js";
import { ACTIVATION_LIMIT, COEFFICIENT_LIMIT, type Engine, type Grid, clamp } from "./network.js";

/** Beyond this, in steps, an element is clamped whatever its mean; so products fit into 32 bits. */
const SATURATING = 2 * COEFFICIENT_LIMIT + 1;
const LAST_CLASS = 63;
/** Of the tables with a row for each quality. */
const LAST_ROW = 99;

/** Plane and context of the blocks of a strip of the canvas, row by row, block by block, channel by channel. */
export interface Strip {
  rows: number;
  columns: number;
  plane: Int16Array;
  context: Int16Array;
}

/** The blocks of a panel within a strip. */
export interface Area {
  top: number;
  left: number;
  rows: number;
  columns: number;
}

/** Reads the residuals of a pass, for the classes of its elements. */
export type ReadPass = (classes: Uint8Array) => Int32Array;

export function elementsOf(model: Model, rows: number, columns: number): number {
  const { block, coefficients, tile, vector } = model.description;
  const tiles = tile ? ((rows * block) / tile[0]) * ((columns * block) / tile[1]) : 0;
  return tiles * vector + rows * columns * coefficients;
}

export function contextChannels(model: Model): number {
  const { coefficients, cues, features } = model.description;
  return features + cues + coefficients;
}

export function newStrip(model: Model, rows: number, columns: number): Strip {
  const blocks = rows * columns;
  return {
    rows,
    columns,
    plane: new Int16Array(blocks * model.description.coefficients),
    context: new Int16Array(blocks * contextChannels(model)),
  };
}

/** The context value of an element: section 6.2. */
function contextValue(value: number, exponent: number): number {
  const scaled = exponent >= 0 ? value * (1 << exponent) : (value + (1 << (-exponent - 1))) >> -exponent;
  return clamp(scaled, -ACTIVATION_LIMIT, ACTIVATION_LIMIT);
}

function element(mean: number, residual: number, step: number): number {
  const change = clamp(residual, -SATURATING, SATURATING) * step; // below 2^31
  return clamp(mean + change, -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT);
}

/** The way of one panel through all passes; what it decodes is left in the strip. */
export class Walk {
  readonly #channels: number;
  readonly #first: number;
  readonly #cue: Int32Array;

  constructor(
    readonly model: Model,
    readonly engine: Engine,
    readonly quality: number,
    readonly strip: Strip,
    readonly area: Area,
    readonly read: ReadPass,
  ) {
    const d = model.description;
    this.#channels = contextChannels(model);
    this.#first = d.features + d.cues;
    this.#cue = model.cue.subarray((quality - 1) * d.cues, quality * d.cues);
  }

  run(): void {
    this.#clear();
    if (this.model.description.vector) this.#vectorPass();
    for (const index of this.model.description.passes.keys()) {
      this.#pass(index);
      this.#update(index);
    }
  }

  /** The number of a block in the strip. */
  #block(y: number, x: number): number {
    return (this.area.top + y) * this.strip.columns + this.area.left + x;
  }

  /** Channels `from`.. of the context, at every `spacing`-th block of the area. */
  #grid(from: number, spacing = 1): Grid {
    const { rows, columns } = this.area;
    return {
      data: this.strip.context,
      first: this.#block(0, 0) * this.#channels + from,
      rows: Math.ceil(rows / spacing),
      columns: Math.ceil(columns / spacing),
      row: spacing * this.strip.columns * this.#channels,
      column: spacing * this.#channels,
    };
  }

  #clear(): void {
    const { rows, columns } = this.area;
    const start = new Int16Array(this.#channels);
    start.set(this.#cue, this.model.description.features);
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++) this.strip.context.set(start, this.#block(y, x) * this.#channels);
  }

  /** Values for kinds `k`.., one for each of `ahead`, at that many qualities ahead of the picture's: section 6.1. */
  #ofKinds(table: Int32Array, k: number, ahead: number[]): Int32Array {
    const { vector, coefficients } = this.model.description;
    const row = (offset: number): number => clamp(this.quality - 1 + offset, 0, LAST_ROW) * (vector + coefficients);
    return Int32Array.from(ahead, (offset, i) => table[row(offset) + k + i]);
  }

  /** Section 6.3. */
  #vectorPass(): void {
    const { model } = this;
    const d = model.description;
    const [height, width] = d.tile as [number, number];
    const [tileRows, tileColumns] = [height / d.block, width / d.block];
    const across = this.area.columns / tileColumns;
    const tiles = (this.area.rows / tileRows) * across;
    const inputs = d.vector + d.cues;
    const known = new Int16Array(tiles * inputs);
    const none = Array<number>(d.vector).fill(0);
    const [offset, step] = [model.offset, model.step].map((table) => this.#ofKinds(table, 0, none));
    const classes = model.vectorClass.map((before, k) => clamp(before + offset[k], 0, LAST_CLASS));
    const residuals = this.read(Uint8Array.from({ length: tiles * d.vector }, (_, i) => classes[i % d.vector]));
    for (let tile = 0, i = 0; tile < tiles; tile++) {
      for (let k = 0; k < d.vector; k++, i++)
        known[tile * inputs + k] = contextValue(element(0, residuals[i], step[k]), model.contextExponent[k]);
      known.set(this.#cue, tile * inputs + d.vector);
    }
    const grid = { data: known, first: 0, rows: 1, columns: tiles, row: tiles * inputs, column: inputs };
    const drawn = model.drawing.length > 0; // a model without a plane has no vector network
    const made = drawn ? known : this.engine.run(model.vectorNetwork, grid);
    for (let tile = 0; tile < tiles; tile++)
      for (let y = 0; y < tileRows; y++)
        for (let x = 0; x < tileColumns; x++) {
          const from = drawn ? tile * inputs : ((tile * tileRows + y) * tileColumns + x) * d.features;
          const block = this.#block(Math.floor(tile / across) * tileRows + y, (tile % across) * tileColumns + x);
          this.strip.context.set(made.subarray(from, from + d.features), block * this.#channels);
        }
  }

  /** Section 6.4. */
  #pass(index: number): void {
    const { model, strip, area } = this;
    const d = model.description;
    const stage = d.passes[index];
    const { lo, hi, quality_offset, spacing } = stage;
    const where = positions(stage, area.rows, area.columns);
    const grid = this.#grid(model.unseen[index], spacing);
    const near = where.map((b) => {
      const x = b % area.columns;
      return ((b - x) / area.columns / spacing) * grid.columns + x / spacing;
    });
    const output = this.engine.run(model.passNetworks[index], grid, near);
    const count = hi - lo;
    const classes = new Uint8Array(where.length * count);
    const kind = d.vector + lo;
    const [offset, step] = [model.offset, model.step].map((table) => this.#ofKinds(table, kind, quality_offset));
    for (let p = 0, i = 0, from = count; p < where.length; p++, from += 2 * count)
      for (let k = 0; k < count; k++, i++) classes[i] = clamp(output[from + k] + offset[k], 0, LAST_CLASS);
    const residuals = this.read(classes);
    const exponent = model.contextExponent.subarray(kind);
    for (let p = 0, i = 0, from = 0; p < where.length; p++, from += 2 * count) {
      const x = where[p] % area.columns;
      const block = this.#block((where[p] - x) / area.columns, x);
      const place = block * d.coefficients + lo;
      const known = block * this.#channels + this.#first + lo;
      for (let k = 0; k < count; k++, i++) {
        const value = element(output[from + k], residuals[i], step[k]);
        strip.plane[place + k] = value;
        strip.context[known + k] = contextValue(value, exponent[k]);
      }
    }
  }

  /** Section 6.5. */
  #update(index: number): void {
    const network = this.model.updateNetworks[index];
    if (!network) return;
    const { rows, columns } = this.area;
    const { features } = this.model.description;
    const made = this.engine.run(network, this.#grid(this.model.unseen[index]));
    for (let y = 0, from = 0; y < rows; y++)
      for (let x = 0; x < columns; x++, from += features)
        this.strip.context.set(made.subarray(from, from + features), this.#block(y, x) * this.#channels);
  }
}
