/** Section 4.3: the architecture of a model, as data. */

import { InvalidModelFile } from "./errors.js";
import { type Json, isCount, isObject } from "./safetensors.js";

export interface LayerShape {
  add: number | null;
  kernel: number;
  leaky: boolean;
  units: number;
}

export interface Pass {
  hi: number;
  lattice: [number, number][];
  lo: number;
  /** For each channel, how many qualities ahead of the picture's its steps are. */
  quality_offset: number[];
  spacing: number;
}

export interface FinishShape {
  cell: number;
  layers: LayerShape[];
  places: number;
}

export interface SynthesisLayerShape {
  activation: string;
  crop: number;
  grow: number;
  kernel: number;
  units: number;
}

export interface LosslessShape {
  heads: LayerShape[][];
  linear_reach: number;
  order: number[];
  reach: number;
  trunk: LayerShape[];
}

export interface Description {
  block: number;
  channels: number;
  correction_layers: LayerShape[];
  cues: number;
  features: number;
  finish: FinishShape | null;
  lossless: LosslessShape | null;
  pass_layers: LayerShape[][];
  passes: Pass[];
  /** Empty in a model with a plane. */
  synthesis_layers: SynthesisLayerShape[];
  tile: [number, number] | null;
  update_layers: LayerShape[][];
  vector: number;
  vector_layers: LayerShape[];
  /** Derived: the elements of a block, 0 without a plane. */
  coefficients: number;
}

/** What negative sums are divided by, for each activation. */
export const LEAKS: Readonly<Record<string, number>> = { none: 0, relu: 0, leaky5: 5, leaky8: 8 };
const QUALITIES = 100;
const SPACINGS = [1, 2, 4, 8];
const MOST_REACH = 4;
const REQUIRED = [
  "block",
  "channels",
  "correction_layers",
  "cues",
  "features",
  "pass_layers",
  "passes",
  "tile",
  "update_layers",
  "vector",
  "vector_layers",
];

function require(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InvalidModelFile(`the description of the model is impossible: ${what}`);
}

function object(value: unknown, keys: string[], optional: string[] = []): Json {
  require(isObject(value), "not an object");
  const allowed = [...keys, ...optional];
  require(keys.every((key) => Object.hasOwn(value, key)), "a key is missing");
  require(Object.keys(value).every((key) => allowed.includes(key)), "an unknown key");
  return value;
}

function list<T>(value: unknown, item: (value: unknown) => T): T[] {
  require(Array.isArray(value), "not an array");
  return value.map(item);
}

function count(value: unknown): number {
  require(isCount(value), "not an integer of 0 or more");
  return value;
}

function layer(value: unknown): LayerShape {
  const { add, kernel, leaky, units } = object(value, ["add", "kernel", "leaky", "units"]);
  require(typeof leaky === "boolean" && (kernel === 1 || kernel === 3) && count(units) >= 1, "a layer");
  return { add: add === null ? null : count(add), kernel, leaky, units: count(units) };
}

function network(value: unknown): LayerShape[] {
  const layers = list(value, layer);
  for (const [index, { add, units }] of layers.entries())
    require(add === null || (add < index && layers[add].units === units), "the sum of a layer");
  return layers;
}

function pass(value: unknown): Pass {
  const fields = object(value, ["hi", "lattice", "lo"], ["quality_offset", "spacing"]);
  const [hi, lo] = [count(fields.hi), count(fields.lo)];
  const { spacing = 1, quality_offset = Array<number>(Math.max(0, hi - lo)).fill(0) } = fields;
  require(SPACINGS.includes(count(spacing)) && fields.spacing !== 1, "a spacing");
  const ahead = list(quality_offset, (offset): number => {
    require(Number.isInteger(offset) && Math.abs(offset as number) < QUALITIES, "a quality offset");
    return offset as number;
  });
  require(ahead.length === hi - lo, "a quality offset for each channel");
  const places = list(fields.lattice, (place): [number, number] => {
    const [y, x, ...more] = list(place, count);
    require(y <= 1 && x <= 1 && more.length === 0, "a lattice");
    return [y, x];
  });
  const order = places.map(([y, x]) => 2 * y + x);
  require(order.length >= 1 && order.every((place, i) => i === 0 || place > order[i - 1]), "a lattice");
  return { hi, lattice: places, lo, quality_offset: ahead, spacing: count(spacing) };
}

function finish(value: unknown, block: number, channels: number): FinishShape {
  const fields = object(value, ["cell", "layers", "places"]);
  const cell = count(fields.cell);
  require([1, 2, 4, 8].includes(cell) && block % cell === 0, "the cell of the finishing network");
  const layers = network(fields.layers);
  require(layers.at(-1)?.units === cell * cell * channels, "the outputs of the finishing network");
  return { cell, layers, places: count(fields.places) };
}

function synthesisLayer(value: unknown): SynthesisLayerShape {
  const fields = object(value, ["activation", "crop", "grow", "kernel", "units"]);
  const { activation } = fields;
  const [crop, grow, kernel, units] = [fields.crop, fields.grow, fields.kernel, fields.units].map(count);
  require(typeof activation === "string" && Object.hasOwn(LEAKS, activation), "an activation");
  require((kernel === 1 || kernel === 3) && units >= 1, "a synthesis layer");
  require(grow >= 1 && grow <= 16 && units % grow ** 2 === 0, "a synthesis layer");
  return { activation, crop, grow, kernel, units };
}

function lossless(value: unknown, channels: number): LosslessShape {
  const fields = object(value, ["heads", "linear_reach", "order", "reach", "trunk"]);
  const [reach, linear_reach] = [count(fields.reach), count(fields.linear_reach)];
  require(2 <= linear_reach && linear_reach <= reach && reach <= MOST_REACH, "the windows of the lossless stage");
  const order = list(fields.order, count);
  require(order.length === channels && new Set(order).size === channels, "the order of the lossless stage");
  require(order.every((channel) => channel < channels), "the order of the lossless stage");
  const trunk = network(fields.trunk);
  const heads = list(fields.heads, network);
  require(trunk.length >= 1 && heads.length === channels, "the networks of the lossless stage");
  require([trunk, ...heads].flat().every(({ kernel }) => kernel === 1), "a kernel of the lossless stage");
  require(heads.every((items, c) => items.at(-1)?.units === 2 + c), "the outputs of the lossless stage");
  return { heads, linear_reach, order, reach, trunk };
}

/** The neighbours [rows down, columns to the right] of a pixel that are decoded before it: section 12.1. */
export function windowOf(reach: number): [number, number][] {
  const found: [number, number][] = [];
  for (let dx = -1; dx >= -reach; dx--) found.push([0, dx]);
  for (let dy = -1; dy >= -reach; dy--)
    for (let dx = -reach; dx <= Math.min(reach, -2 * dy - 1); dx++) found.push([dy, dx]);
  return found;
}

/** That passes cover a plane once, group after group, and that each network has the outputs that it needs. */
function checkPasses(passes: Pass[], layers: LayerShape[][], channels: number): void {
  require(layers.length === passes.length, "the number of networks");
  const period = 2 * SPACINGS[SPACINGS.length - 1];
  let missing = new Set<number>();
  let [lo, hi] = [0, 0];
  for (const [index, stage] of passes.entries()) {
    if (missing.size === 0) {
      [lo, hi] = [hi, stage.hi];
      missing = new Set(Array.from({ length: period * period }, (_, i) => i));
    }
    require(stage.lo === lo && stage.hi === hi && hi > lo, "the channels of a pass");
    for (const place of positions(stage, period, period)) require(missing.delete(place), "a block is decoded twice");
    const last = layers[index].at(-1);
    require(last?.units === 2 * (hi - lo), "the outputs of a pass");
    require(layers[index].slice(1).every((each) => each.kernel === 1), "a kernel of a pass");
  }
  require(missing.size === 0 && hi === channels, "the passes do not cover the plane");
}

/** The blocks that a pass decodes, numbered row by row, in increasing order. */
export function positions(stage: Pass, rows: number, columns: number): Int32Array {
  const { lattice, spacing } = stage;
  const found: number[] = [];
  const chosen = [0, 1, 2, 3].map((place) => lattice.some(([y, x]) => 2 * y + x === place));
  for (let y = 0; y < rows; y += spacing)
    for (let x = 0; x < columns; x += spacing)
      if (chosen[2 * ((y / spacing) & 1) + ((x / spacing) & 1)]) found.push(y * columns + x);
  return Int32Array.from(found);
}

/** Channels of the plane that a pass sees, its own only if an earlier pass of its group has decoded some: section 6.4. */
export function seen(passes: Pass[], index: number): number {
  const { lo, hi } = passes[index];
  return index > 0 && passes[index - 1].lo === lo ? hi : lo;
}

function checkLadder(d: Description): void {
  if (d.tile) {
    const blocks = (d.tile[0] / d.block) * (d.tile[1] / d.block);
    require(d.vector_layers.at(-1)?.units === blocks * d.features, "the outputs of the vector network");
    require(d.vector_layers.every((each) => each.kernel === 1), "a kernel of the vector network");
  } else require(d.vector_layers.length === 0, "a network without a vector");
  require(d.vector > 0 || d.features === 0 || d.update_layers.some((items) => items.length > 0), "features of nothing");
  require(d.update_layers.length === d.passes.length && d.update_layers.at(-1)?.length === 0, "the updates");
  require(d.update_layers.every((items) => !items.length || items.at(-1)?.units === d.features), "an update");
  checkPasses(d.passes, d.pass_layers, d.coefficients);
  require(d.correction_layers.at(-1)?.units === d.coefficients, "the correction");
}

function checkDrawing(d: Description): void {
  const empty = [d.passes, d.pass_layers, d.update_layers, d.vector_layers, d.correction_layers];
  require(empty.every((items) => items.length === 0) && d.cues === 0, "synthesis layers beside a plane");
  require(d.finish === null, "a finishing network without a plane");
  require(d.tile !== null && d.vector >= 1 && d.features === d.vector, "synthesis layers without a vector");
  let [height, width] = [1, 1];
  for (const { crop, grow } of d.synthesis_layers) {
    require(height * grow <= 2 * d.tile[0] && width * grow <= 2 * d.tile[1], "synthesis layers");
    [height, width] = [height * grow - 2 * crop, width * grow - 2 * crop];
    require(height >= 1 && width >= 1, "synthesis layers");
  }
  const last = d.synthesis_layers[d.synthesis_layers.length - 1];
  require(height === d.tile[0] &&
    width === d.tile[1] &&
    last.units / last.grow ** 2 === d.channels, "synthesis layers");
}

/** JSON with keys in order and without white space. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
    .join(",")}}`;
}

export function readDescription(text: unknown): Description {
  require(typeof text === "string", "there is none");
  let raw: unknown;
  try {
    raw = JSON.parse(text);
    if (canonical(raw) !== text) throw new Error("not in canonical form");
  } catch (error) {
    throw new InvalidModelFile("the description of the model is not canonical JSON", { cause: error });
  }
  const fields = object(raw, REQUIRED, ["finish", "lossless", "synthesis_layers"]);
  const [block, channels, cues, features, vector] = ["block", "channels", "cues", "features", "vector"].map((key) =>
    count(fields[key]),
  );
  require([2, 4, 8, 16].includes(block) && (channels === 1 || channels === 3), "a block or a channel");
  const drawn = "synthesis_layers" in fields;
  const synthesis_layers = drawn ? list(fields.synthesis_layers, synthesisLayer) : [];
  require(drawn === synthesis_layers.length > 0, "no synthesis layers");
  let tile: [number, number] | null = null;
  if (fields.tile !== null) {
    const [height, width, ...rest] = list(fields.tile, count);
    require(rest.length === 0 && [height, width].every((side) => side >= block && side % block === 0), "the tile");
    tile = [height, width];
  }
  require((tile === null) === (vector === 0) && (vector === 0 || features >= 1), "a vector and its tile");
  const d: Description = {
    block,
    channels,
    correction_layers: network(fields.correction_layers),
    cues,
    features,
    finish: "finish" in fields ? finish(fields.finish, block, channels) : null,
    lossless: "lossless" in fields ? lossless(fields.lossless, channels) : null,
    pass_layers: list(fields.pass_layers, network),
    passes: list(fields.passes, pass),
    synthesis_layers,
    tile,
    update_layers: list(fields.update_layers, network),
    vector,
    vector_layers: network(fields.vector_layers),
    coefficients: drawn ? 0 : block * block * channels,
  };
  if (drawn) checkDrawing(d);
  else checkLadder(d);
  return d;
}
