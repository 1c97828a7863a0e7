/** Section 13.1: lossless planes. */

import { crc32, littleEndian } from "./crc32.js";
import { ChecksumMismatch, InvalidValue, TruncatedFile } from "./errors.js";
import { unframe } from "./frame.js";

export type Samples = Uint8Array | Uint16Array;

/** The shape of planes; `bytes`: of a sample, 1 or 2. */
export interface Shape {
  height: number;
  width: number;
  channels: number;
  bytes: 1 | 2;
}

const RAW = 0;
const CONSTANT = 1;
const COLOUR = 3;
const PALETTE = 4;
/** What a block of a frame holds at most. */
const MOST_BLOCK = 2 ** 17;

function damaged(): InvalidValue {
  return new InvalidValue("lossless samples of the file are damaged");
}

function require(condition: boolean): void {
  if (!condition) throw damaged();
}

function allocate(length: number, bytes: number): Samples {
  return bytes === 1 ? new Uint8Array(length) : new Uint16Array(length);
}

/** Samples from their raw form. */
function samplesOf(raw: Uint8Array, bytes: number): Samples {
  if (bytes === 1) return raw.slice();
  return Uint16Array.from({ length: raw.length / 2 }, (_, i) => raw[2 * i] | (raw[2 * i + 1] << 8));
}

function frameOf(frame: Uint8Array, size: number): Uint8Array {
  // A frame that cannot hold so much is refused before it is unpacked.
  require(size <= (Math.floor(frame.length / 4) + 1) * MOST_BLOCK);
  const content = unframe(frame, size);
  require(content.length === size);
  return content;
}

/** A row of one channel, from its differences, which it holds, and the row above. */
function undo(predictor: number, row: Samples, above: Samples): void {
  let [left, corner] = [0, 0];
  for (let x = 0; x < row.length; x++) {
    const up = above[x];
    const predicted = predictor === 0 ? 0 : predictor === 1 ? left : predictor === 2 ? up : left + up - corner;
    row[x] += predicted; // modulo the number of values
    left = row[x];
    corner = up;
  }
}

/** Methods 2 and 3: samples from the content of their frame. */
function differences(frame: Uint8Array, shape: Shape, colour: boolean): Samples {
  const { height, width, channels, bytes } = shape;
  const content = frameOf(frame, channels * height * (1 + width * bytes));
  const samples = allocate(height * width * channels, bytes);
  const plane = height * width;
  for (let c = 0, at = channels * height; c < channels; c++, at += plane * bytes) {
    let above = allocate(width, bytes);
    for (let y = 0; y < height; y++) {
      const predictor = content[c * height + y];
      require(predictor <= 3);
      const row = allocate(width, bytes);
      const from = at + y * width;
      if (bytes === 1) row.set(content.subarray(from, from + width));
      else
        for (let x = 0; x < width; x++) {
          const z = (content[from + x] << 8) | content[from + plane + x];
          row[x] = z & 1 ? -(z + 1) / 2 : z / 2;
        }
      undo(predictor, row, above);
      for (let x = 0, to = y * width * channels + c; x < width; x++, to += channels) samples[to] = row[x];
      above = row;
    }
  }
  if (colour)
    for (let i = 0; i < samples.length; i += channels) {
      samples[i] += samples[i + 1];
      samples[i + 2] += samples[i + 1];
    }
  return samples;
}

/** Method 4. */
function palette(content: Uint8Array, shape: Shape): Samples {
  const { height, width, channels, bytes } = shape;
  if (content.length === 0) throw new TruncatedFile("lossless samples of the file end early");
  const colours = content[0] + 1;
  const begin = 1 + colours * channels * bytes;
  require(colours >= 2 && begin <= content.length);
  const table = samplesOf(content.subarray(1, begin), bytes);
  for (let i = channels; i < table.length; i += channels) {
    let c = 0;
    while (c < channels && table[i + c] === table[i - channels + c]) c++;
    require(c < channels && table[i + c] > table[i - channels + c]);
  }
  const bits = [1, 2, 4, 8].find((n) => 2 ** n >= colours) as number;
  const packed = Math.ceil((width * bits) / 8);
  const rows = differences(content.subarray(begin), { height, width: packed, channels: 1, bytes: 1 }, false);
  const samples = allocate(height * width * channels, bytes);
  const rest = 8 * packed - width * bits;
  for (let y = 0, to = 0; y < height; y++) {
    require((rows[(y + 1) * packed - 1] & ((1 << rest) - 1)) === 0);
    for (let x = 0; x < width; x++) {
      const bit = x * bits;
      const index = (rows[y * packed + (bit >> 3)] >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
      require(index < colours);
      for (let c = 0; c < channels; c++) samples[to++] = table[index * channels + c];
    }
  }
  return samples;
}

/** Samples, pixel by pixel, channel by channel; their checksum continues `crc`. */
export function readPlanes(data: Uint8Array, shape: Shape, crc = 0): Samples {
  const { height, width, channels, bytes } = shape;
  if (data.length < 5) throw new TruncatedFile("lossless samples of the file end early");
  const method = data[0];
  const content = data.subarray(1, -4);
  const end = data.subarray(-4);
  const check = (samples: Samples): void => {
    const stored = (end[0] | (end[1] << 8) | (end[2] << 16) | (end[3] << 24)) >>> 0;
    if (crc32(littleEndian(samples), crc) !== stored)
      throw new ChecksumMismatch("the file is damaged: the checksum of its lossless samples does not match");
  };
  require(method <= PALETTE && (method !== COLOUR || channels >= 3));
  const pixel = channels * bytes;
  if (method === CONSTANT) {
    require(content.length === pixel);
    const one = samplesOf(content, bytes);
    check(one); // before a picture of that size is made
    const samples = allocate(height * width * channels, bytes);
    if (one.every((value) => value === one[0])) return samples.fill(one[0]);
    for (let i = 0; i < samples.length; i++) samples[i] = one[i % channels];
    return samples;
  }
  let samples: Samples;
  if (method === RAW) {
    require(content.length === height * width * pixel);
    samples = samplesOf(content, bytes);
  } else if (method === PALETTE) samples = palette(content, shape);
  else samples = differences(content, shape, method === COLOUR);
  check(samples);
  return samples;
}
