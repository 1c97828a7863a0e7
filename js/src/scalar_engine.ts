/** Exact layers in plain TypeScript, where WebAssembly is not allowed. */

import { type Engine, type Grid, type Layer, type Network, frame, isNarrow } from "./network.js";

type Weights = Int16Array | Float64Array;

const turned = new WeakMap<Layer, Weights>();

/** The weights unit by unit, in as few bits as they need. */
function weightsOf(layer: Layer, narrow: boolean): Weights {
  let weights = turned.get(layer);
  if (weights) return weights;
  const { units, weight } = layer;
  const rows = weight.length / units;
  weights = new (narrow ? Int16Array : Float64Array)(weight.length);
  for (let u = 0, to = 0; u < units; u++) for (let i = 0; i < rows; i++, to++) weights[to] = weight[i * units + u];
  turned.set(layer, weights);
  return weights;
}

/** Four units at a time, so that each input is read once for them; sums of 32 bits. */
function narrowSums(x: Int16Array, weights: Int16Array, bias: ArrayLike<number>, sums: Int32Array): void {
  const rows = x.length;
  const units = bias.length;
  let u = 0;
  for (; u + 4 <= units; u += 4) {
    let [a, b, c, d] = [bias[u] | 0, bias[u + 1] | 0, bias[u + 2] | 0, bias[u + 3] | 0];
    let w = u * rows;
    for (let i = 0; i < rows; i++, w++) {
      const value = x[i];
      a = (a + Math.imul(weights[w], value)) | 0;
      b = (b + Math.imul(weights[w + rows], value)) | 0;
      c = (c + Math.imul(weights[w + 2 * rows], value)) | 0;
      d = (d + Math.imul(weights[w + 3 * rows], value)) | 0;
    }
    sums[u] = a;
    sums[u + 1] = b;
    sums[u + 2] = c;
    sums[u + 3] = d;
  }
  for (; u < units; u++) {
    let sum = bias[u] | 0;
    for (let i = 0, w = u * rows; i < rows; i++, w++) sum = (sum + Math.imul(weights[w], x[i])) | 0;
    sums[u] = sum;
  }
}

/** Sums of doubles, which are exact up to 2^53. */
function wideSums(x: Int16Array, weights: Weights, bias: ArrayLike<number>, sums: Float64Array): void {
  const rows = x.length;
  for (let u = 0, w = 0; u < bias.length; u++) {
    let sum = bias[u];
    for (let i = 0; i < rows; i++, w++) sum += weights[w] * x[i];
    sums[u] = sum;
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
      const added = layer.add === null ? null : outputs[layer.add];
      const narrow = isNarrow(layer);
      const weights = weightsOf(layer, narrow);
      const sums = narrow ? new Int32Array(layer.units) : new Float64Array(layer.units);
      const out = new Int16Array(count * layer.units);
      const length = layer.kernel * channels;
      const patch = new Int16Array(layer.kernel * length);
      for (let p = 0, to = 0; p < count; p++, to += layer.units) {
        const place = positions ? positions[p] : p;
        const x = place % columns;
        const at = dense ? p * channels : ((place - x) / columns) * line + x * channels;
        for (let s = 0; s < layer.kernel; s++)
          patch.set(data.subarray(at + s * line, at + s * line + length), s * length);
        if (sums instanceof Int32Array) narrowSums(patch, weights as Int16Array, layer.bias, sums);
        else wideSums(patch, weights, layer.bias, sums);
        finish(layer, sums, added, out, to);
      }
      outputs.push(out);
      channels = layer.units;
      source = { data: out, first: 0, rows, columns, row: columns * channels, column: channels };
    }
    return outputs[outputs.length - 1];
  }
}
