/** Section 7: tables, and the events in which residuals are coded. */

import { InvalidModelFile, InvalidValue } from "./errors.js";

export const CLASSES = 64;
/** The kind of an event of n raw bits is RAW + n. */
const RAW = CLASSES;
const RAW_BITS = 7;
export const KINDS = RAW + RAW_BITS + 1;
export const TOTAL = 4096;
const MOST_RESIDUAL = 2 ** 20;
const GAMMA_DIGITS = 20;

export class Tables {
  /** The frequencies of the values of each kind of event; of no raw bits, which are never coded, none. */
  readonly frequencies: Int32Array[] = [];

  constructor(
    readonly extents: Int32Array,
    readonly shifts: Int32Array,
    readonly skip: number,
    frequencies: Int32Array,
  ) {
    let at = 0;
    for (const extent of extents) {
      const own = frequencies.subarray(at, (at += 2 * extent + 2));
      if (own.reduce((a, b) => a + b, 0) !== TOTAL)
        throw new InvalidModelFile(`the frequencies of a class of the model do not sum to ${TOTAL}`);
      this.frequencies.push(own);
    }
    this.frequencies.push(new Int32Array());
    for (let n = 1; n <= RAW_BITS; n++) this.frequencies.push(new Int32Array(1 << n).fill(TOTAL >> n));
  }
}

/** Decodes a round: the values of `count` events, from their kinds. */
export type Round = (kinds: Uint8Array, values: Int32Array, count: number) => void;

/** `lengths[i]` raw bits for each of `count` numbers; lengths are 0 afterwards. */
function rawBits(round: Round, lengths: Int32Array, count: number): Int32Array {
  const numbers = new Int32Array(count);
  const kinds = new Uint8Array(count);
  const values = new Int32Array(count);
  let members = Int32Array.from({ length: count }, (_, i) => i).filter((i) => lengths[i] > 0);
  while (members.length) {
    members.forEach((i, k) => (kinds[k] = RAW + Math.min(lengths[i], RAW_BITS)));
    round(kinds, values, members.length);
    members.forEach((i, k) => {
      const size = kinds[k] - RAW;
      numbers[i] = (numbers[i] << size) | values[k];
      lengths[i] -= size;
    });
    members = members.filter((i) => lengths[i] > 0);
  }
  return numbers;
}

/** The signed amounts, -2^21..2^21 without 0, by which `count` escaped values exceed the extents of their classes. */
function escapes(round: Round, count: number): Int32Array {
  const kinds = new Uint8Array(count).fill(RAW + 1);
  const signs = new Int32Array(count);
  round(kinds, signs, count);
  const digits = new Int32Array(count);
  const values = new Int32Array(count);
  let going = Int32Array.from({ length: count }, (_, i) => i);
  for (let digit = 0; digit < GAMMA_DIGITS && going.length; digit++) {
    round(kinds, values, going.length);
    going = going.filter((_, k) => values[k] === 1);
    going.forEach((i) => digits[i]++);
  }
  const leading = digits.map((k) => 1 << k);
  const below = rawBits(round, digits, count);
  return below.map((rest, i) => (signs[i] ? -(leading[i] + rest) : leading[i] + rest));
}

/** The residuals of a pass, from the classes of its elements. */
export function decodePass(tables: Tables, round: Round, classes: Uint8Array): Int32Array {
  const { extents, shifts, skip } = tables;
  const n = classes.length;
  const residuals = new Int32Array(n);
  const kinds = new Uint8Array(n);
  const elements = new Int32Array(n);
  const values = new Int32Array(n);
  let coded = 0;
  for (let i = 0; i < n; i++) {
    kinds[coded] = classes[i];
    elements[coded] = i;
    if (classes[i] >= skip) coded++;
  }
  round(kinds, values, coded);
  const escaped: number[] = [];
  const shifted: number[] = [];
  for (let k = 0; k < coded; k++) {
    const extent = extents[kinds[k]];
    if (values[k] > 2 * extent) escaped.push(k);
    if (shifts[kinds[k]]) shifted.push(k);
    values[k] -= extent;
  }
  if (escaped.length) {
    const excess = escapes(round, escaped.length);
    escaped.forEach((k, i) => (values[k] = excess[i] + Math.sign(excess[i]) * extents[kinds[k]]));
  }
  const lengths = Int32Array.from(shifted, (k) => shifts[kinds[k]]);
  const low = rawBits(round, lengths, shifted.length);
  for (let k = 0; k < coded; k++) residuals[elements[k]] = values[k];
  for (const [i, k] of shifted.entries()) {
    const residual = values[k] * 2 ** shifts[kinds[k]] + low[i]; // below 2^37: not in 32 bits
    if (Math.abs(residual) > MOST_RESIDUAL) throw outOfRange();
    residuals[elements[k]] = residual;
  }
  for (const k of escaped) if (Math.abs(residuals[elements[k]]) > MOST_RESIDUAL) throw outOfRange();
  return residuals;
}

function outOfRange(): InvalidValue {
  return new InvalidValue("a decoded residual is not within +-2^20: the file is damaged");
}
