/**
 * Placeholders: 1 to 64 bytes that stand for a picture until it is there (section 19 of the specification).
 *
 *     import { decodePlaceholder, placeholderUrl } from "aecodec/placeholder";
 *     const { width, height, data } = decodePlaceholder(bytes);
 *
 * It stands alone: no model files, no WebAssembly, the same pixels everywhere.
 */

import modelText from "../../aecodec/placeholders/placeholder-1.bin";
import { InvalidValue } from "./errors.js";

export { AecError, InvalidValue } from "./errors.js";

const LONG_SIDE = 32;
const MAX_SIDE = 1024;
const MOST_BYTES = 64;
const ASPECTS = 63;
const STEPS = [54, 91, 152, 256];
const COEFFICIENTS = 240;
const HIDDEN = 16;
const CLASSES = 32;
const ESCAPE = 24;
const ORDERS = 16;
const CENTRE = 3533;
const LARGEST = 16383;
const COLOUR_SLOTS = 3968;
const WEIGHTS = [
  [2365, 2317, -1338],
  [2365, 0, 2675],
  [2365, -2317, -1338],
];

/** A placeholder: its bytes, or their base64 or hexadecimal form. */
export type Placeholder = Uint8Array | string;

export interface PlaceholderOptions {
  /** Of the result, 1 to 1024 pixels. What is not given follows from the aspect ratio; the long side has 32. */
  width?: number;
  height?: number;
}

/** Red, green, blue and opacity (255) of each pixel, row by row: `new ImageData(data, width, height)` takes it. */
export interface PlaceholderPixels {
  width: number;
  height: number;
  data: Uint8ClampedArray<ArrayBuffer>;
}

type Ints = Int8Array | Uint8Array | Int16Array | Uint16Array;

interface Model {
  place: Ints;
  deviation: Ints;
  start: Ints;
  signed: Ints;
  absolute: Ints;
  mean: Ints;
  scale: Ints;
  scaleStart: Ints;
  scaleAspect: Ints;
  frequencies: Ints;
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

function bytesOfText(text: string): Uint8Array {
  if (/^([0-9a-f]{2})+$/i.test(text)) return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  } catch {
    throw new InvalidValue("the text of a placeholder is neither base64 nor hexadecimal");
  }
}

let model: Model | null = null;

/** The arrays of the model file, in its order (19.2). */
function loaded(): Model {
  if (model) return model;
  const view = new DataView(bytesOfText(modelText).buffer);
  let at = 0;
  const wide = (count: number, signed: boolean): Ints => {
    const found = new (signed ? Int16Array : Uint16Array)(count);
    for (let i = 0; i < count; i++, at += 2) found[i] = signed ? view.getInt16(at, true) : view.getUint16(at, true);
    return found;
  };
  const narrow = (count: number): Ints => new Int8Array(view.buffer, (at += count) - count, count);
  const weights = COEFFICIENTS * HIDDEN;
  model = {
    place: narrow(3 * COEFFICIENTS),
    deviation: wide(COEFFICIENTS, false),
    start: wide(ASPECTS * HIDDEN, true),
    signed: narrow(weights),
    absolute: narrow(weights),
    mean: narrow(weights),
    scale: narrow(weights),
    scaleStart: wide(COEFFICIENTS, true),
    scaleAspect: narrow(4 * COEFFICIENTS),
    frequencies: wide(CLASSES * (ESCAPE + 1), false),
  };
  return model;
}

/** The arithmetic decoder (19.3). */
class Reader {
  #taken = 0;
  #range = 2 ** 32;
  #offset = 0;

  constructor(readonly payload: Uint8Array) {
    for (let i = 0; i < 4; i++) this.#offset = this.#offset * 256 + this.#byte();
  }

  #byte(): number {
    return this.payload[this.#taken++] ?? 0;
  }

  get ended(): boolean {
    return this.#range < 2 ** Math.max(0, 8 * (this.#taken - this.payload.length));
  }

  slot(): number {
    return Math.min(Math.floor(this.#offset / Math.floor(this.#range / 4096)), 4095);
  }

  take(start: number, frequency: number): void {
    const unit = Math.floor(this.#range / 4096);
    this.#offset -= unit * start;
    this.#range = unit * frequency;
    this.#offset = Math.min(this.#offset, this.#range - 1);
    while (this.#range < 2 ** 24) {
      this.#offset = this.#offset * 256 + this.#byte();
      this.#range *= 256;
    }
  }

  bit(): number {
    const bit = this.slot() >= 2048 ? 1 : 0;
    this.take(2048 * bit, 2048);
    return bit;
  }

  /** A residual of a class (19.3). */
  residual(frequencies: Ints, kind: number): number {
    const slot = this.slot();
    let magnitude = 0;
    let start = 0;
    let frequency = frequencies[kind * (ESCAPE + 1)];
    while (slot >= start + frequency) {
      start += frequency;
      frequency = frequencies[kind * (ESCAPE + 1) + ++magnitude];
    }
    this.take(start, frequency);
    if (magnitude === ESCAPE) {
      let bits = 0;
      while (bits < 10 && this.bit()) bits++;
      let excess = 1;
      while (bits--) excess = 2 * excess + this.bit();
      magnitude += excess - 1;
    }
    return magnitude && this.bit() ? -magnitude : magnitude;
  }
}

/** The first byte (19.1). */
function front(bytes: Uint8Array): { aspect: number; step: number; width: number; height: number } {
  if (bytes.length < 1 || bytes.length > MOST_BYTES)
    throw new InvalidValue(`a placeholder has 1 to ${MOST_BYTES} bytes, not ${bytes.length}`);
  const aspect = bytes[0] % ASPECTS;
  const step = Math.floor(bytes[0] / ASPECTS);
  if (step >= STEPS.length)
    throw new InvalidValue(`the first byte of a placeholder is at most 251, not ${bytes[0]}: this is none`);
  const wide = aspect < LONG_SIDE;
  return { aspect, step, width: wide ? LONG_SIDE : ASPECTS - aspect, height: wide ? aspect + 1 : LONG_SIDE };
}

/** Coefficients of the three axes, ORDERS x ORDERS each (19.4). */
function coefficients(bytes: Uint8Array): Float64Array {
  const { aspect, step, width, height } = front(bytes);
  const m = loaded();
  const reader = new Reader(bytes.subarray(1));
  const found = new Float64Array(3 * ORDERS * ORDERS);
  const ratio = Math.round(64 * Math.log2(LONG_SIDE / Math.min(width, height))) * (width < height ? -1 : 1);
  const features = [ratio, Math.abs(ratio), Math.max(ratio - 32, 0), Math.max(-ratio - 32, 0)];
  const sums = Array.from({ length: HIDDEN }, (_, k) => m.start[aspect * HIDDEN + k]);
  const offset = (7 + 3 * step - 16) * 1024;
  let gray = false;
  if (!reader.ended) {
    gray = reader.slot() >= COLOUR_SLOTS;
    reader.take(gray ? COLOUR_SLOTS : 0, gray ? 4096 - COLOUR_SLOTS : COLOUR_SLOTS);
  }
  for (let i = 0; i < COEFFICIENTS; i++) {
    const [channel, row, column] = m.place.subarray(3 * i);
    if (row >= height || column >= width || (gray && channel)) continue;
    let mean = 0;
    let scale = m.scaleStart[i] - offset;
    features.forEach((feature, k) => (scale += feature * m.scaleAspect[4 * i + k]));
    for (let k = 0; k < HIDDEN; k++) {
      const hidden = clamp(sums[k] >> 6, 0, 255);
      mean += hidden * m.mean[HIDDEN * i + k];
      scale += hidden * m.scale[HIDDEN * i + k];
    }
    mean = Math.floor((mean * m.deviation[i] + 2048) / 4096);
    const kind = clamp(scale >> 10, 0, CLASSES - 1);
    const residual = reader.ended ? 0 : reader.residual(m.frequencies, kind);
    const value = clamp(mean + residual * STEPS[step], -LARGEST, LARGEST);
    const scaled = clamp(Math.floor((value * 64) / m.deviation[i]), -255, 255);
    for (let k = 0; k < HIDDEN; k++)
      sums[k] += scaled * m.signed[HIDDEN * i + k] + Math.abs(scaled) * m.absolute[HIDDEN * i + k];
    found[(channel * ORDERS + row) * ORDERS + column] = value;
  }
  return found;
}

/** ORDERS rows of cosines (19.5). */
function cosines(pixels: number): Float64Array {
  const found = new Float64Array(ORDERS * pixels);
  for (let k = 0; k < Math.min(ORDERS, pixels); k++)
    for (let x = 0; x < pixels; x++)
      found[k * pixels + x] = Math.round(
        4096 * (k ? Math.SQRT2 : 1) * Math.cos((Math.PI * k * (2 * x + 1)) / (2 * pixels)),
      );
  return found;
}

function sideOf(value: number, name: string): number {
  if (!Number.isInteger(value) || value < 1 || value > MAX_SIDE)
    throw new InvalidValue(`the ${name} of a placeholder must be a whole number of 1 to ${MAX_SIDE} pixels`);
  return value;
}

/** The size that the options ask for. */
function sizeOf(bytes: Uint8Array, options: PlaceholderOptions): { width: number; height: number } {
  const size = front(bytes);
  let { width, height } = options;
  if (width === undefined && height === undefined) return { width: size.width, height: size.height };
  if (width !== undefined) sideOf(width, "width");
  if (height !== undefined) sideOf(height, "height");
  const other = (side: number, from: number, to: number): number =>
    Math.max(1, Math.floor((2 * side * to + from) / (2 * from)));
  width ??= other(height as number, size.height, size.width);
  height ??= other(width, size.width, size.height);
  return { width: sideOf(width, "width"), height: sideOf(height, "height") };
}

/** The pixels of a placeholder. Throws InvalidValue, an AecError, if it is none. */
export function decodePlaceholder(placeholder: Placeholder, options: PlaceholderOptions = {}): PlaceholderPixels {
  const bytes = typeof placeholder === "string" ? bytesOfText(placeholder) : placeholder;
  const { width, height } = sizeOf(bytes, options);
  const values = coefficients(bytes);
  values[0] += CENTRE;
  const across = cosines(width);
  const down = cosines(height);
  const columns = new Float64Array(3 * ORDERS * width);
  for (let r = 0; r < 3 * ORDERS; r++)
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < ORDERS; k++) sum += values[r * ORDERS + k] * across[k * width + x];
      columns[r * width + x] = Math.floor(sum / 256);
    }
  const data = new Uint8ClampedArray(4 * width * height);
  const axes = [0, 0, 0];
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++, to += 4) {
      for (let a = 0; a < 3; a++) {
        axes[a] = 0;
        for (let k = 0; k < ORDERS; k++) axes[a] += columns[(a * ORDERS + k) * width + x] * down[k * height + y];
      }
      for (let c = 0; c < 3; c++) {
        const sample = axes[0] * WEIGHTS[c][0] + axes[1] * WEIGHTS[c][1] + axes[2] * WEIGHTS[c][2];
        data[to + c] = Math.floor((sample + 2 ** 31) / 2 ** 32);
      }
      data[to + 3] = 255;
    }
  return { width, height, data };
}

/** The aspect ratio of the picture, width / height, from the first byte. Throws InvalidValue. */
export function placeholderAspectRatio(placeholder: Placeholder): number {
  const { width, height } = front(typeof placeholder === "string" ? bytesOfText(placeholder) : placeholder);
  return width / height;
}

/** An address for `src` or CSS: a data URL of a BMP file, which needs no compressor. Throws InvalidValue. */
export function placeholderUrl(placeholder: Placeholder, options: PlaceholderOptions = {}): string {
  const { width, height, data } = decodePlaceholder(placeholder, options);
  const stride = Math.ceil((3 * width) / 4) * 4;
  const file = new DataView(new ArrayBuffer(54 + stride * height));
  file.setUint16(0, 0x424d); // "BM"
  file.setUint32(2, file.byteLength, true);
  file.setUint32(10, 54, true); // where the pixels begin
  file.setUint32(14, 40, true); // bytes of the header that follows
  file.setInt32(18, width, true);
  file.setInt32(22, -height, true); // top row first
  file.setUint16(26, 1, true);
  file.setUint16(28, 24, true); // bits a pixel
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) file.setUint8(54 + y * stride + 3 * x + c, data[4 * (y * width + x) + 2 - c]);
  let text = "";
  for (const byte of new Uint8Array(file.buffer)) text += String.fromCharCode(byte);
  return `data:image/bmp;base64,${btoa(text)}`;
}
