/** Sections 4.4 and 4.5: the arrays of a model, proven exact, and its id. */

import { hex } from "./container.js";
import {
  type Description,
  type FinishShape,
  type LayerShape,
  type LosslessShape,
  LEAKS,
  readDescription,
  seen,
  windowOf,
} from "./description.js";
import { InvalidModelFile } from "./errors.js";
import { ACTIVATION_LIMIT, COEFFICIENT_LIMIT, type Layer, type Network, boundOf } from "./network.js";
import { type ModelFile, integersOf, readModelFile } from "./safetensors.js";
import { sha256 } from "./sha256.js";
import { CLASSES, Tables } from "./tables.js";

type Integers = Int32Array | Float64Array;

const QUALITIES = 100;
const CLASS_LIMIT = 255;
const ERRORS = 256;
const SAMPLE_LIMIT = 255;
/** Fraction bits of the samples that a finishing network sees. */
export const FINE_BITS = 2;
/** The number of values that an output of the last synthesis layer can have. */
const TONES = 2 * ACTIVATION_LIMIT + 1;

export interface LosslessStage {
  shape: LosslessShape;
  /** Neighbours [rows down, columns to the right]. */
  window: [number, number][];
  linearWindow: [number, number][];
  trunk: Network;
  heads: Network[];
  /** ((linear window + 1) * channels, channels). */
  linear: Int32Array;
  /** By the largest error: what it adds to a scale. */
  offset: Int32Array;
  tables: Tables;
}

export interface FinishStage {
  shape: FinishShape;
  network: Network;
  /** ((block / cell)^2, places). */
  place: Int32Array;
}

export interface Model {
  description: Description;
  name: string;
  /** In hexadecimal. */
  id: string;
  /** (100, kinds). */
  step: Int32Array;
  offset: Int32Array;
  vectorClass: Int32Array;
  contextExponent: Int32Array;
  /** (100, cues). */
  cue: Int32Array;
  vectorNetwork: Network;
  passNetworks: Network[];
  /** Channels of the context that the networks of a pass do not see: section 4.3. */
  unseen: number[];
  updateNetworks: (Network | null)[];
  correctionNetwork: Network;
  /**
   * Of one layer, whose inputs are the plane and then the correction: their sums may need 17 bits. With a finishing
   * network its outputs have FINE_BITS more bits.
   */
  synthesis: Network;
  finish: FinishStage | null;
  /** Without a plane: one network for each synthesis layer, and the sample of each of the last one's outputs. */
  drawing: Network[];
  tone: Int32Array;
  tables: Tables;
  lossless: LosslessStage | null;
}

function filled(length: number, value: number): Int32Array {
  return new Int32Array(length).fill(value);
}

/** Takes the arrays of a model file by their names. */
class Arrays {
  readonly #taken = new Set<string>();

  constructor(readonly file: ModelFile) {}

  integers(name: string, shape: number[], low = -(2 ** 53), high = 2 ** 53): Integers {
    const array = this.file.arrays.get(name);
    if (!array) throw new InvalidModelFile(`the model file has no array ${name}`);
    const values = array.shape.join() === shape.join() ? integersOf(array) : undefined;
    if (!values) throw new InvalidModelFile(`the array ${name} of the model file has a wrong shape or type`);
    if (!values.every((value) => value >= low && value <= high))
      throw new InvalidModelFile(`the array ${name} of the model file holds an impossible value`);
    this.#taken.add(name);
    return values;
  }

  small(name: string, shape: number[], low: number, high: number): Int32Array {
    return Int32Array.from(this.integers(name, shape, low, high));
  }

  tables(prefix: string, mostSkipped: number): Tables {
    const extents = this.small(`${prefix}tables.extents`, [CLASSES], 0, 63);
    const shifts = this.small(`${prefix}tables.shifts`, [CLASSES], 0, 15);
    const [skip] = this.small(`${prefix}tables.skip`, [1], 0, mostSkipped);
    const total = extents.reduce((sum, extent) => sum + 2 * extent + 2, 0);
    return new Tables(extents, shifts, skip, this.small(`${prefix}tables.frequencies`, [total], 1, 4096));
  }

  layer(name: string, shape: Omit<LayerShape, "leaky">, leak: number, incoming: Int32Array, limit: Int32Array): Layer {
    const { units, kernel, add } = shape;
    const weight = this.integers(`${name}.weight`, [kernel * kernel * incoming.length, units]);
    const bias = this.integers(`${name}.bias`, [units]);
    const shift = this.small(`${name}.shift`, [units], 0, 30);
    const bound = boundOf(weight, bias, incoming);
    if (bound >= 2 ** 53) throw new InvalidModelFile(`the layer ${name} of the model is not exact`);
    const reach = incoming.reduce((a, b) => Math.max(a, b), 0);
    return { kernel, units, weight, bias, shift, limit, leak, add, reach, bound };
  }

  /** `limit`: of the last layer, if it is another one. */
  network(prefix: string, shapes: LayerShape[], inputs: number, limit?: Int32Array): Network {
    const layers: Layer[] = [];
    let incoming = filled(inputs, ACTIVATION_LIMIT);
    for (const [index, shape] of shapes.entries()) {
      const own = limit && index === shapes.length - 1 ? limit : filled(shape.units, ACTIVATION_LIMIT);
      layers.push(this.layer(`${prefix}.${index}`, shape, shape.leaky ? 8 : 0, incoming, own));
      incoming = own;
    }
    return { inputs, layers };
  }

  /** Section 4.5, once all arrays but those of the analysis have been taken. */
  id(): string {
    const encoder = new TextEncoder();
    const parts: Uint8Array[] = [encoder.encode(this.file.metadata.description as string)];
    for (const [name, array] of [...this.file.arrays].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (name.startsWith("analysis.")) continue;
      if (!this.#taken.has(name)) throw new InvalidModelFile(`the model file has an unknown array ${name}`);
      const shape = array.shape.length === 1 ? `${array.shape[0]},` : array.shape.join(", ");
      parts.push(encoder.encode(`\n${name} ${array.dtypeName} (${shape})\n`), array.data);
    }
    return hex(sha256(parts).subarray(0, 8));
  }
}

/** Means with one limit, then classes with another. */
function passLimits(count: number): Int32Array {
  const limits = filled(2 * count, CLASS_LIMIT);
  return limits.fill(COEFFICIENT_LIMIT, 0, count);
}

function inverseTransform(arrays: Arrays, units: number, fine: boolean): Network {
  const limit = filled(units, COEFFICIENT_LIMIT);
  const shape = { add: null, kernel: 1, units };
  const layer = arrays.layer("synthesis", shape, 0, filled(units, 2 * COEFFICIENT_LIMIT), limit);
  const weight = new (layer.weight instanceof Int32Array ? Int32Array : Float64Array)(2 * layer.weight.length);
  weight.set(layer.weight);
  weight.set(layer.weight, layer.weight.length);
  const shift = fine ? layer.shift.map((s) => s - FINE_BITS) : layer.shift;
  if (shift.some((s) => s < 0)) throw new InvalidModelFile("a shift of the inverse transform leaves no bits to finish");
  return { inputs: 2 * units, layers: [{ ...layer, weight, shift }] };
}

function drawingOf(arrays: Arrays, d: Description): Network[] {
  let inputs = d.vector;
  return d.synthesis_layers.map(({ activation, grow, kernel, units }, index) => {
    const [incoming, limit] = [inputs, units].map((length) => filled(length, ACTIVATION_LIMIT));
    const layer = arrays.layer(`synthesis.${index}`, { add: null, kernel, units }, LEAKS[activation], incoming, limit);
    inputs = units / grow ** 2;
    return { inputs: incoming.length, layers: [layer] };
  });
}

function finishOf(arrays: Arrays, d: Description, shape: FinishShape): FinishStage {
  const { cell, layers, places } = shape;
  const inputs = cell * cell * d.channels + places + d.cues;
  const cells = (d.block / cell) ** 2;
  return {
    shape,
    network: arrays.network("finish", layers, inputs),
    place: arrays.small("finish.place", [cells, places], -ACTIVATION_LIMIT, ACTIVATION_LIMIT),
  };
}

/** Inputs of the trunk beside the channels of its window: errors and bases of each channel, and of all together. */
const INPUTS_PER_CHANNEL = 7;
const OTHER_INPUTS = 5;

function losslessOf(arrays: Arrays, d: Description, shape: LosslessShape): LosslessStage {
  const [window, linearWindow] = [windowOf(shape.reach), windowOf(shape.linear_reach)];
  const { channels } = d;
  const inputs = (window.length + INPUTS_PER_CHANNEL) * channels + OTHER_INPUTS + (d.tile ? 2 : 0);
  const hidden = shape.trunk[shape.trunk.length - 1].units;
  return {
    shape,
    window,
    linearWindow,
    trunk: arrays.network("lossless.trunk", shape.trunk, inputs),
    heads: shape.heads.map((layers, c) => {
      const limits = filled(2 + c, CLASS_LIMIT).fill(ACTIVATION_LIMIT, 0, 1);
      return arrays.network(`lossless.head${c}`, layers, hidden + 1 + 2 * c, limits);
    }),
    linear: arrays.small("lossless.linear", [(linearWindow.length + 1) * channels, channels], -128, 127),
    offset: arrays.small("lossless.offset", [ERRORS], -CLASS_LIMIT, CLASS_LIMIT),
    tables: arrays.tables("lossless.", 0),
  };
}

/** The model of a file. Throws InvalidModelFile. */
export function readModel(data: Uint8Array): Model {
  const file = readModelFile(data);
  const arrays = new Arrays(file);
  const d = readDescription(file.metadata.description);
  const { name } = file.metadata;
  if (typeof name !== "string") throw new InvalidModelFile("the model file has no name");
  const kinds = d.vector + d.coefficients;
  const first = d.features + d.cues;
  const unseen = d.passes.map((_, p) =>
    d.vector || d.update_layers.slice(0, p).some((items) => items.length) ? 0 : d.features,
  );
  const coefficientLimits = filled(d.coefficients, COEFFICIENT_LIMIT);
  const plane = d.synthesis_layers.length === 0;
  const parts = {
    step: arrays.small("step", [QUALITIES, kinds], 1, COEFFICIENT_LIMIT),
    offset: arrays.small("offset", [QUALITIES, kinds], -CLASS_LIMIT, CLASS_LIMIT),
    vectorClass: arrays.small("vector_class", [d.vector], -CLASS_LIMIT, CLASS_LIMIT),
    contextExponent: arrays.small("context_exponent", [kinds], -15, 15),
    cue: arrays.small("cue", [QUALITIES, d.cues], -ACTIVATION_LIMIT, ACTIVATION_LIMIT),
    vectorNetwork: arrays.network("vector", d.vector_layers, d.vector + d.cues),
    passNetworks: d.passes.map(({ lo, hi }, p) =>
      arrays.network(`pass${p}`, d.pass_layers[p], first - unseen[p] + seen(d.passes, p), passLimits(hi - lo)),
    ),
    updateNetworks: d.passes.map(({ hi }, p) =>
      d.update_layers[p].length ? arrays.network(`update${p}`, d.update_layers[p], first - unseen[p] + hi) : null,
    ),
    correctionNetwork: arrays.network("correction", d.correction_layers, first + d.coefficients, coefficientLimits),
    synthesis: plane ? inverseTransform(arrays, d.coefficients, d.finish !== null) : { inputs: 0, layers: [] },
    finish: d.finish && finishOf(arrays, d, d.finish),
    drawing: drawingOf(arrays, d),
    tone: plane ? new Int32Array() : arrays.small("tone", [TONES], 0, SAMPLE_LIMIT),
    tables: arrays.tables("", CLASSES),
    lossless: d.lossless && losslessOf(arrays, d, d.lossless),
  };
  return { description: d, name, id: arrays.id(), unseen, ...parts };
}
