/** Exact layers in plain TypeScript, where WebAssembly is not allowed. */

import { type Engine, type Grid, type Layer, type Network, frame, isNarrow } from "./network.js";

/** Inputs of a position: `segments` runs of `length` values, `stride` apart. */
interface Inputs {
  data: Int16Array;
  segments: number;
  length: number;
  stride: number;
}

function narrowSums(layer: Layer, inputs: Inputs, at: number, sums: Int32Array): void {
  const { units, weight } = layer;
  const { data, segments, length, stride } = inputs;
  sums.set(layer.bias);
  for (let s = 0, w = 0; s < segments; s++)
    for (let i = 0, from = at + s * stride; i < length; i++, w += units) {
      const x = data[from + i];
      if (x) for (let u = 0; u < units; u++) sums[u] = (sums[u] + Math.imul(weight[w + u], x)) | 0;
    }
}

function wideSums(layer: Layer, inputs: Inputs, at: number, sums: Float64Array): void {
  const { units, weight } = layer;
  const { data, segments, length, stride } = inputs;
  sums.set(layer.bias);
  for (let s = 0, w = 0; s < segments; s++)
    for (let i = 0, from = at + s * stride; i < length; i++, w += units) {
      const x = data[from + i];
      if (x) for (let u = 0; u < units; u++) sums[u] += weight[w + u] * x;
    }
}

/** From sums to outputs. In doubles: they are exact, and floor() is the shift of section 5.1. */
function finish(layer: Layer, sums: ArrayLike<number>, added: Int16Array | null, out: Int16Array, to: number): void {
  const { units, shift, limit, leak } = layer;
  for (let u = 0; u < units; u++) {
    let y = Math.floor(sums[u] / 2 ** shift[u]);
    if (added) y += added[to + u];
    if (leak && y < 0) y = Math.floor(y / leak);
    out[to + u] = y > limit[u] ? limit[u] : y < -limit[u] ? -limit[u] : y;
  }
}

export class ScalarEngine implements Engine {
  readonly name = "typescript";

  run(network: Network, grid: Grid, positions?: Int32Array): Int16Array {
    const { rows, columns } = grid;
    const count = positions?.length ?? rows * columns;
    const outputs: Int16Array[] = [];
    let [source, channels] = [grid, network.inputs];
    for (const [index, layer] of network.layers.entries()) {
      const border = layer.kernel >> 1;
      const dense = index > 0 && border === 0; // the outputs before are the inputs as they are
      const line = (columns + 2 * border) * channels;
      let data = source.data;
      if (!dense) frame((data = new Int16Array((rows + 2 * border) * line)), 0, source, channels, border);
      const inputs = { data, segments: layer.kernel, length: layer.kernel * channels, stride: line };
      const added = layer.add === null ? null : outputs[layer.add];
      const narrow = isNarrow(layer);
      const sums = narrow ? new Int32Array(layer.units) : new Float64Array(layer.units);
      const out = new Int16Array(count * layer.units);
      for (let p = 0, to = 0; p < count; p++, to += layer.units) {
        const place = positions ? positions[p] : p;
        const x = place % columns;
        const at = dense ? p * channels : ((place - x) / columns) * line + x * channels;
        if (narrow) narrowSums(layer, inputs, at, sums as Int32Array);
        else wideSums(layer, inputs, at, sums as Float64Array);
        finish(layer, sums, added, out, to);
      }
      outputs.push(out);
      channels = layer.units;
      source = { data: out, first: 0, rows, columns, row: columns * channels, column: channels };
    }
    return outputs[outputs.length - 1];
  }
}
