/** Section 5: layers of exact integers, and the bound that makes every engine exact. */

/** The largest magnitude of a context value and of most outputs. */
export const ACTIVATION_LIMIT = 1023;
/** The largest magnitude of an element, a mean and a correction. */
export const COEFFICIENT_LIMIT = 32767;
const EXACT = 2 ** 53;

export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

export interface Layer {
  kernel: number;
  units: number;
  /** (kernel * kernel * inputs, units). */
  weight: Int32Array | Float64Array;
  bias: Int32Array | Float64Array;
  shift: Int32Array;
  limit: Int32Array;
  /** What negative sums are divided by, or 0. */
  leak: number;
  add: number | null;
  /** The largest magnitudes of an input and of any partial sum. */
  reach: number;
  bound: number;
}

export interface Network {
  /** Channels of the grid. */
  inputs: number;
  layers: Layer[];
}

/** A rectangle of an array of blocks: channel `c` of row `y`, column `x` is data[first + y * row + x * column + c]. */
export interface Grid {
  data: Int16Array;
  first: number;
  rows: number;
  columns: number;
  row: number;
  column: number;
}

/** Runs networks; all engines compute the same integers. */
export interface Engine {
  readonly name: string;
  /**
   * The outputs (positions, units) of a network, which sees zeros beyond the grid. `positions`: blocks of the grid,
   * numbered row by row; without them, all. They may be given only if all layers but the first have kernel 1.
   */
  run(network: Network, grid: Grid, positions?: Int32Array): Int16Array;
}

/**
 * The largest magnitude of any partial sum of a layer, whose inputs reach `largest`; 2^53 if it is not below that:
 * section 5.2.
 */
export function boundOf(weight: ArrayLike<number>, bias: ArrayLike<number>, largest: ArrayLike<number>): number {
  const units = bias.length;
  const sums = Float64Array.from(bias, Math.abs);
  for (let i = 0, at = 0; at < weight.length; i++, at += units) {
    const most = largest[i % largest.length];
    for (let u = 0; u < units; u++) sums[u] += Math.abs(weight[at + u]) * most;
  }
  const bound = sums.reduce((a, b) => Math.max(a, b), 0);
  return bound < EXACT ? bound : EXACT; // sums of doubles never fall, and are exact until they reach 2^53
}

const INT16 = 32767;
const narrow = new WeakMap<Layer, boolean>();

/** Whether weights fit into 16 bits and sums, to which an output of 16 bits may be added, into 32. */
export function isNarrow(layer: Layer): boolean {
  let found = narrow.get(layer);
  if (found === undefined) {
    found = layer.bound < 2 ** 31 - 2 ** 16 && layer.weight.every((w) => w >= -INT16 && w <= INT16);
    narrow.set(layer, found);
  }
  return found;
}

/** Copies a grid with a border of zeros, without gaps, into `out`, which holds zeros, from `begin` on. */
export function frame(out: Int16Array, begin: number, grid: Grid, channels: number, border: number): void {
  const { data, first, rows, columns, row, column } = grid;
  const line = (columns + 2 * border) * channels;
  for (let y = 0; y < rows; y++) {
    let to = begin + (y + border) * line + border * channels;
    let from = first + y * row;
    if (column === channels) out.set(data.subarray(from, from + columns * channels), to);
    else
      for (let x = 0; x < columns; x++, to += channels, from += column)
        for (let c = 0; c < channels; c++) out[to + c] = data[from + c];
  }
}
