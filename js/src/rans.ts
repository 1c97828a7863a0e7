/** Section 8: the packing rans. */

import { ChecksumMismatch, InvalidValue, TrailingBytes, TruncatedFile } from "./errors.js";
import { KINDS, TOTAL, type Tables, decodePass } from "./tables.js";

const LOW = 2 ** 16;
const MOST_LANES = 1024;
const ELEMENTS_PER_LANE = 12000;

export function lanesFor(elements: number): number {
  return Math.min(MOST_LANES, Math.max(1, Math.floor(elements / ELEMENTS_PER_LANE)));
}

/** The fewest bytes of packed elements. */
export function leastBytes(elements: number): number {
  const lanes = lanesFor(elements);
  return lanes > 1 ? 3 * lanes : 0;
}

/**
 * The slots of the kinds that have been needed: of each, the value (7 bits), its frequency (13), and the rank (12).
 */
class Slots {
  readonly entries = new Uint32Array(KINDS * TOTAL);
  readonly #made = new Uint8Array(KINDS);

  constructor(readonly tables: Tables) {}

  /** Makes those of the kinds of a round. */
  require(kinds: Uint8Array, count: number): void {
    for (let i = 0; i < count; i++) if (!this.#made[kinds[i]]) this.#make(kinds[i]);
  }

  #make(kind: number): void {
    const frequencies = this.tables.frequencies[kind];
    const keys = new Float64Array(TOTAL); // the order, then the value: below 2^33
    let at = 0;
    for (const [value, f] of frequencies.entries())
      for (let rank = 0; rank < f; rank++) keys[at++] = Math.floor(((4 * rank + 1) * 2 ** 24) / f) * 128 + value;
    keys.sort();
    const ranks = new Int32Array(frequencies.length);
    for (let s = 0; s < TOTAL; s++) {
      const value = keys[s] % 128;
      this.entries[kind * TOTAL + s] = value | (frequencies[value] << 7) | (ranks[value]++ << 20);
    }
    this.#made[kind] = 1;
  }
}

const prepared = new WeakMap<Tables, Slots>();

function slotsOf(tables: Tables): Slots {
  let slots = prepared.get(tables);
  if (!slots) prepared.set(tables, (slots = new Slots(tables)));
  return slots;
}

/** Where four bits of the checksum are: in the state with which the payload of the small form begins. */
const SMALL_BITS = 4;

export class RansDecoder {
  readonly #slots: Slots;
  readonly #states: Int32Array;
  #at: number;
  /** The bits of the checksum in the small form. */
  readonly #bits: number;

  constructor(
    readonly tables: Tables,
    readonly payload: Uint8Array,
    elements: number,
    readonly small = false,
  ) {
    const lanes = lanesFor(elements);
    this.#slots = slotsOf(tables);
    this.#states = new Int32Array(lanes);
    this.#at = Math.min(3 * lanes, payload.length);
    if (lanes === 1) {
      if (payload[0] === 0) throw new InvalidValue("the payload begins with a zero");
      let x = 0;
      for (const byte of payload.subarray(0, this.#at)) x = (x << 8) | byte;
      this.#bits = small ? x & ((1 << SMALL_BITS) - 1) : 0;
      this.#states[0] = small ? x >> SMALL_BITS : x;
      return;
    }
    this.#bits = 0;
    if (this.#at < 3 * lanes) throw new TruncatedFile("the payload is shorter than the states of its lanes");
    for (let lane = 0, i = 0; lane < lanes; lane++, i += 3)
      this.#states[lane] = (payload[i] << 16) | (payload[i + 1] << 8) | payload[i + 2];
    if (this.#states.some((x) => x < LOW))
      throw new InvalidValue("a lane of the payload begins with too small a state");
  }

  read(classes: Uint8Array): Int32Array {
    return decodePass(this.tables, (kinds, values, count) => this.#round(kinds, values, count), classes);
  }

  #round(kinds: Uint8Array, values: Int32Array, count: number): void {
    this.#slots.require(kinds, count);
    const slots = this.#slots.entries;
    const states = this.#states;
    const lanes = states.length;
    const data = this.payload;
    const end = data.length;
    let at = this.#at;
    if (lanes > 1 && at === end && count && states.some((x) => x < LOW)) throw truncated();
    for (let begin = 0; begin < count; begin += lanes)
      for (let lane = 0, i = begin; lane < lanes; lane++, i++) {
        let x = states[lane];
        while (x < LOW && at < end) x = (x << 8) | data[at++];
        if (i < count) {
          const slot = slots[(kinds[i] << 12) | (x & (TOTAL - 1))];
          values[i] = slot & 127;
          x = ((slot >>> 7) & (2 * TOTAL - 1)) * (x >> 12) + (slot >>> 20); // below 2^24
        }
        states[lane] = x;
      }
    this.#at = at;
  }

  /** Throws unless everything has been read and the states tell of this CRC-32. */
  finish(crc: number): void {
    const states = this.#states;
    for (let lane = 0; lane < states.length; lane++)
      while (states[lane] < LOW && this.#at < this.payload.length)
        states[lane] = (states[lane] << 8) | this.payload[this.#at++];
    if (this.#at < this.payload.length) throw new TrailingBytes("the payload goes on after its last element");
    const start = states.length > 1 ? LOW : 0;
    const check = this.small ? 0 : (crc ^ (crc >>> 16)) & 0xffff;
    if (this.small && this.#bits !== (crc & ((1 << SMALL_BITS) - 1))) throw mismatch();
    if (states.some((x, lane) => x !== (lane === 0 ? start + check : start))) throw mismatch();
  }
}

function truncated(): TruncatedFile {
  return new TruncatedFile("the packed data ends early, or it is damaged");
}

function mismatch(): ChecksumMismatch {
  return new ChecksumMismatch("the file is damaged or cut off: its checksum does not match");
}
