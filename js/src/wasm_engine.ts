/**
 * Exact layers in WebAssembly: aecodec/native/layers.c, the source of the native engine, whose structures this file
 * fills in. Whether a layer adds in 32 bits, in two parts, or in 64 bits, and whether by Winograd's algorithm, follows
 * from its bound.
 */

import { LimitExceeded } from "./errors.js";
import { WASM } from "./layers_wasm.js";
import { type Engine, type Grid, type Layer, type Network, frame, isNarrow } from "./network.js";
import { ScalarEngine } from "./scalar_engine.js";

/** Units whose weights are packed together, and the layers of a chain at most: layers.c. */
const TILE = 16;
const MOST_LAYERS = 16;
const LAYER_BYTES = 64;
const CHAIN_BYTES = 104;
const FASTEST_PATH = 0;
const INT16 = 32767;
const NARROW = 2 ** 31 - 2 ** 16;
const MOST_SHIFT = 31;
/** Of Winograd's algorithm: 2 G, and what share of the 9 products of each position its 16 of a patch may be. */
const DOUBLED = [
  [2, 0, 0],
  [1, 1, 1],
  [1, -1, 1],
  [0, 0, 2],
];
const PLACES = DOUBLED.length ** 2;
const WORTH_IT = 0.8;

interface Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  malloc(bytes: number): number;
  free(pointer: number): void;
  aec_run(chain: number, path: number, begin: bigint, end: bigint): number;
}

/** A first layer, which may look at neighbours, and those after it, which do not. */
interface Chain {
  first: Layer;
  layers: number;
  /** The layers for Winograd's algorithm, as soon as they are needed; null if it is not exact there. */
  winograd?: number | null;
  count: number;
  inputs: number;
  kernel: number;
  units: number;
  /** Of layers that add the output of an earlier chain, which one. */
  earlier: Map<number, number>;
}

function tiled(units: number): number {
  return Math.ceil(units / TILE) * TILE;
}

function padded(values: ArrayLike<number>): Int32Array {
  const out = new Int32Array(tiled(values.length));
  out.set(values);
  return out;
}

/** Weights (segments, inputs, units) in the order [tile][segment][pair of inputs][unit][2]. */
function packed(weight: ArrayLike<number>, segments: number, units: number): Int16Array {
  const length = weight.length / (segments * units);
  const pairs = Math.ceil(length / 2);
  const tiles = tiled(units) / TILE;
  const out = new Int16Array(tiles * segments * pairs * TILE * 2);
  for (let tile = 0, to = 0; tile < tiles; tile++)
    for (let segment = 0; segment < segments; segment++)
      for (let i = 0; i < 2 * pairs; i += 2)
        for (let unit = tile * TILE; unit < (tile + 1) * TILE; unit++, to += 2)
          for (let half = 0; half < 2; half++)
            if (unit < units && i + half < length)
              out[to + half] = weight[(segment * length + i + half) * units + unit];
  return out;
}

/** Weights (3, 3, inputs, units) as Winograd's algorithm wants them: 4 G w G', (16, inputs, units). */
function transformed(weight: ArrayLike<number>): Int32Array {
  const size = weight.length / 9;
  const out = new Int32Array(PLACES * size);
  for (let i = 0; i < 4; i++)
    for (let j = 0; j < 4; j++)
      for (let y = 0; y < 3; y++)
        for (let x = 0; x < 3; x++) {
          const factor = DOUBLED[i][y] * DOUBLED[j][x];
          if (factor === 0) continue;
          const [from, to] = [(3 * y + x) * size, (4 * i + j) * size];
          for (let k = 0; k < size; k++) out[to + k] += factor * weight[from + k];
        }
  return out;
}

/** Weights in two parts, 256 * high + low, whose sums fit into 32 bits; null if they do not. */
function halves(layer: Layer): { high: Int32Array; low: Int32Array } | null {
  if (layer.weight.some((w) => Math.abs(w) > INT16)) return null;
  const high = Int32Array.from(layer.weight, (w) => (w + 128) >> 8);
  const rows = layer.weight.length / layer.units;
  const sums = new Float64Array(layer.units).fill(0);
  high.forEach((w, i) => (sums[i % layer.units] += Math.abs(w)));
  const most = Math.max(128 * rows, ...sums);
  return most * INT16 < NARROW ? { high, low: high.map((w, i) => layer.weight[i] - 256 * w) } : null;
}

export class WasmEngine implements Engine {
  readonly name = "wasm";
  readonly #exports: Exports;
  readonly #scalar = new ScalarEngine();
  readonly #compiled = new WeakMap<Network, Chain[] | null>();

  private constructor(exports: Exports) {
    this.#exports = exports;
  }

  /** Null where WebAssembly or its vectors are missing, or not allowed by the policy of the page. */
  static async create(): Promise<WasmEngine | null> {
    try {
      const bytes = Uint8Array.from(atob(WASM), (c) => c.charCodeAt(0));
      const { instance } = await WebAssembly.instantiate(bytes, {});
      const exports = instance.exports as unknown as Exports;
      exports._initialize();
      return new WasmEngine(exports);
    } catch {
      return null;
    }
  }

  #allocate(bytes: number): number {
    const pointer = this.#exports.malloc(bytes);
    if (pointer === 0) throw new LimitExceeded("there is not enough memory for the picture");
    return pointer;
  }

  #keep(values: Int16Array | Int32Array | BigInt64Array): number {
    const pointer = this.#allocate(values.byteLength + 16);
    const from = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(this.#exports.memory.buffer, pointer, values.byteLength).set(from);
    return pointer;
  }

  /** The structure of a layer, as 32-bit words; `begin`: the first layer of its chain. */
  #layer(layer: Layer, inputs: number, begin: number): Int32Array {
    const words = new Int32Array(LAYER_BYTES / 4);
    const length = layer.kernel * inputs;
    words[0] = layer.kernel;
    words[1] = layer.units;
    words[2] = Math.ceil(length / 2);
    words[4] = layer.add === null || layer.add < begin ? -1 : layer.add - begin;
    words[5] = layer.leak;
    words[7] = length;
    words[13] = this.#keep(padded(layer.shift));
    words[14] = this.#keep(padded(layer.limit));
    if (isNarrow(layer)) {
      words[8] = this.#keep(packed(layer.weight, layer.kernel, layer.units));
      words[12] = this.#keep(padded(layer.bias));
      return words;
    }
    const bias = new BigInt64Array(tiled(layer.units));
    layer.bias.forEach((b, u) => (bias[u] = BigInt(b)));
    words[11] = this.#keep(bias);
    const parts = halves(layer);
    if (parts) {
      words[8] = this.#keep(packed(parts.high, layer.kernel, layer.units));
      words[9] = this.#keep(packed(parts.low, layer.kernel, layer.units));
    } else {
      words[6] = 1;
      words[10] = this.#keep(Int32Array.from(layer.weight));
    }
    return words;
  }

  /** The layers of a chain for Winograd's algorithm, or null if that is not exact there. */
  #winograd(chain: Chain): number | null {
    if (chain.winograd !== undefined) return chain.winograd;
    const { first, inputs } = chain;
    const { reach, bound, shift, units } = first;
    const weight = first.kernel === 3 && isNarrow(first) ? transformed(first.weight) : null;
    const exact = 4 * reach <= INT16 && 4 * bound < NARROW && shift.every((s) => s + 2 <= MOST_SHIFT);
    if (!exact || !weight?.every((w) => Math.abs(w) <= INT16)) return (chain.winograd = null);
    const size = (chain.count * LAYER_BYTES) / 4;
    const words = new Int32Array(this.#exports.memory.buffer, chain.layers, size).slice();
    words.set([PLACES, units, Math.ceil(inputs / 2)]);
    words[7] = inputs;
    words[8] = this.#keep(packed(weight, PLACES, units));
    words[12] = this.#keep(padded(first.bias.map((b) => 4 * b)));
    words[13] = this.#keep(padded(shift.map((s) => s + 2)));
    return (chain.winograd = this.#keep(words));
  }

  /** The chains of a network, or null for one that the library cannot run. */
  #compile(network: Network): Chain[] | null {
    const { layers } = network;
    const begins = layers.map((layer, i) => (i === 0 || layer.kernel > 1 ? i : -1)).filter((i) => i >= 0);
    const ends = new Map(begins.map((_, n) => [(begins[n + 1] ?? layers.length) - 1, n]));
    if (layers.some((layer) => layer.weight instanceof Float64Array && layer.weight.some((w) => w !== (w | 0))))
      return null;
    const chains: Chain[] = [];
    let inputs = network.inputs;
    for (const [n, begin] of begins.entries()) {
      const own = layers.slice(begin, begins[n + 1]);
      if (own.length > MOST_LAYERS) return null;
      const chain = { first: own[0], inputs, kernel: own[0].kernel, earlier: new Map<number, number>() };
      const words = new Int32Array((own.length * LAYER_BYTES) / 4);
      for (const [i, layer] of own.entries()) {
        const { add } = layer;
        if (add !== null && add < begin) {
          const end = ends.get(add);
          if (end === undefined) return null;
          chain.earlier.set(i, end);
        }
        words.set(this.#layer(layer, inputs, begin), (i * LAYER_BYTES) / 4);
        inputs = layer.units;
      }
      chains.push({ ...chain, layers: this.#keep(words), count: own.length, units: inputs });
    }
    return chains;
  }

  run(network: Network, grid: Grid, positions?: Int32Array): Int16Array {
    let chains = this.#compiled.get(network);
    if (chains === undefined) this.#compiled.set(network, (chains = this.#compile(network)));
    if (chains === null) return this.#scalar.run(network, grid, positions);
    const { rows, columns } = grid;
    const count = positions?.length ?? rows * columns;
    const last = chains[chains.length - 1];
    if (count === 0) return new Int16Array();
    const taken: number[] = [];
    const allocate = (bytes: number): number => {
      taken.push(this.#allocate(bytes));
      return taken[taken.length - 1];
    };
    try {
      const outputs: number[] = [];
      for (const [n, chain] of chains.entries())
        outputs.push(
          this.#chain(chain, n ? { rows, columns, pointer: outputs[n - 1] } : grid, positions, outputs, allocate),
        );
      const made = new Int16Array(this.#exports.memory.buffer, outputs[outputs.length - 1], count * last.units);
      return made.slice();
    } finally {
      taken.forEach((pointer) => this.#exports.free(pointer));
    }
  }

  #chain(
    chain: Chain,
    source: Grid | { rows: number; columns: number; pointer: number },
    positions: Int32Array | undefined,
    outputs: number[],
    allocate: (bytes: number) => number,
  ): number {
    const { inputs, units } = chain;
    const { rows, columns } = source;
    const border = chain.kernel >> 1;
    const count = positions?.length ?? rows * columns;
    const line = (columns + 2 * border) * inputs;
    const size = (rows + 2 * border) * line;
    const patches = Math.ceil(rows / 2) * Math.ceil(columns / 2);
    const pays = !positions && PLACES * patches <= WORTH_IT * 9 * rows * columns;
    const winograd = pays ? this.#winograd(chain) : null; // before any view of the memory: it may grow
    // What is read with the last inputs and comes to nothing: a partner, and what patches have beyond the border.
    const grid = allocate(2 * (size + line + inputs + 2 * TILE));
    const out = allocate(2 * (count * units + TILE)); // what a later chain adds is read by whole tiles
    const from = allocate(8 * count);
    const to = allocate(8 * count);
    const earlier = allocate(4 * chain.count);
    const structure = allocate(CHAIN_BYTES);
    const { buffer } = this.#exports.memory;
    const framed = new Int16Array(buffer, grid, size + line + inputs + 2 * TILE).fill(0);
    const whole = (pointer: number): Grid => {
      const data = new Int16Array(buffer, pointer, rows * columns * inputs);
      return { data, first: 0, rows, columns, row: columns * inputs, column: inputs };
    };
    frame(framed, 0, "pointer" in source ? whole(source.pointer) : source, inputs, border);
    const words = new Int32Array(buffer);
    for (let p = 0, a = from >> 2, b = to >> 2; p < count; p++, a += 2, b += 2) {
      const place = positions ? positions[p] : p;
      const x = place % columns;
      words[a] = ((place - x) / columns) * line + x * inputs;
      words[b] = p * units;
      words[a + 1] = words[b + 1] = 0; // the high halves
    }
    for (let i = 0; i < chain.count; i++) {
      const end = chain.earlier.get(i);
      words[(earlier >> 2) + i] = end === undefined ? 0 : outputs[end];
    }
    const fields = [
      ...[chain.count, winograd ? 1 : 0, winograd ?? chain.layers, earlier, grid, 0, line, 0],
      ...[from, 0, count, 0, size, 0, out, 0],
      ...[to, 0, count, 0, count * units, 0],
      ...[rows, 0, columns, 0],
    ];
    words.set(fields, structure >> 2);
    if (this.#exports.aec_run(structure, FASTEST_PATH, 0n, BigInt(winograd ? patches : count)) !== 0)
      throw new LimitExceeded("there is not enough memory for the picture");
    return out;
  }
}
