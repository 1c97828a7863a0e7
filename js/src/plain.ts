/** Section 13.2: pictures without a model. */

import { Reader } from "./bytes.js";
import type { Front } from "./container.js";
import { crc32 } from "./crc32.js";
import { InvalidValue } from "./errors.js";
import { type Samples, readPlanes } from "./planes.js";

export interface Precision {
  maxError: number;
  bits: 8 | 16;
  /** Where the planes begin. */
  begin: number;
}

/** That the fields of a header are those of a plain picture. */
export function requirePlain(front: Front): { width: number; height: number } {
  if (front.quality !== 100 || front.packing !== "zstd")
    throw new InvalidValue("the file has a quality or a packing that means nothing without a model");
  if (!front.size) throw new InvalidValue("the file gives no size, and it has no model whose tile could provide one");
  return front.size;
}

export function readPrecision(data: Uint8Array, length: number): Precision {
  const r = new Reader(data, length);
  const field = r.varint();
  const [maxError, wide] = [Math.floor(field / 2), field % 2];
  if (maxError > (wide ? 65535 : 255)) throw new InvalidValue(`an error of ${maxError} is beyond the largest sample`);
  return { maxError, bits: wide ? 16 : 8, begin: r.at };
}

export function readPlain(
  data: Uint8Array,
  precision: Precision,
  height: number,
  width: number,
  channels: number,
): Samples {
  const { maxError, bits, begin } = precision;
  const top = 2 ** bits - 1;
  const step = 2 * maxError + 1;
  const levels = Math.floor((top + maxError) / step) + 1;
  const crc = crc32(data.subarray(0, begin));
  const steps = readPlanes(data.subarray(begin), { height, width, channels, bytes: levels > 256 ? 2 : 1 }, crc);
  const samples = bits === 8 ? new Uint8Array(steps.length) : new Uint16Array(steps.length);
  for (let i = 0; i < steps.length; i++) {
    if (steps[i] >= levels) throw new InvalidValue("a sample of the file is beyond the largest");
    samples[i] = Math.min(steps[i] * step, top);
  }
  return samples;
}
