/** Section 9: the packing zstd. */

import { crc32 } from "./crc32.js";
import { ChecksumMismatch, InvalidValue, TrailingBytes, TruncatedFile } from "./errors.js";
import { unframe } from "./frame.js";
import { KINDS, TOTAL, type Tables, decodePass } from "./tables.js";

const ONES = [2048, 1825, 1625, 1448, 1024, 645, 287, 128, 2];
const THRESHOLDS = [1877, 1718, 1558, 1244, 834, 523, 191, 93];
const GROUPS = ONES.length;
const PHRASES = 256;
const CHECK_BYTES = 4;
/** Bytes of a body for each element, at most. */
const MOST_BYTES = 74;
/** The fewest bytes of packed elements: an empty frame, and the checksum. */
export const LEAST_BYTES = 9;

export interface Dictionary {
  /** The decisions of all phrases, the first of each, and how many it has. */
  decisions: Uint8Array;
  begins: Int32Array;
  lengths: Int32Array;
}

export function dictionary(group: number): Dictionary {
  const ones = ONES[group];
  // In the order in which they entered the list; those that were removed have weight 0.
  const made: { weight: number; phrase: number[] }[] = [{ weight: 2 ** 48, phrase: [] }];
  for (let count = 1; count < PHRASES; count++) {
    const from = made.reduce((best, each) => (each.weight > best.weight ? each : best));
    const w = from.weight;
    const v = Math.floor(w / TOTAL) * ones + Math.floor(((w % TOTAL) * ones) / TOTAL); // floor(w * ones / 4096)
    made.push({ weight: w - v, phrase: [...from.phrase, 0] }, { weight: v, phrase: [...from.phrase, 1] });
    from.weight = -1;
  }
  const sorted = made.filter(({ weight }) => weight >= 0).sort((a, b) => b.weight - a.weight); // a stable sort
  const lengths = Int32Array.from(sorted, ({ phrase }) => phrase.length);
  let at = 0;
  const begins = lengths.map((length) => (at += length) - length);
  return { decisions: Uint8Array.from(sorted.flatMap(({ phrase }) => phrase)), begins, lengths };
}

let dictionaries: Dictionary[] | undefined;

interface Trees {
  /** Of each kind, the root. */
  root: Int32Array;
  /** Of each node, for the decisions 0 and 1: a node, or ~value. */
  branch: Int32Array;
  group: Uint8Array;
}

const prepared = new WeakMap<Tables, Trees>();

function treesOf(tables: Tables): Trees {
  let trees = prepared.get(tables);
  if (trees) return trees;
  const branch: number[] = [];
  const group: number[] = [];
  const root = new Int32Array(KINDS);
  for (const [kind, frequencies] of tables.frequencies.entries()) {
    // The values by weight; joined trees are made in the order of their weights: two queues, and ties go to values.
    const leaves = Array.from(frequencies, (weight, value) => ({ weight, tree: ~value }));
    leaves.sort((a, b) => a.weight - b.weight);
    const joined: { weight: number; tree: number }[] = [];
    let [l, j] = [0, 0];
    const lightest = (): { weight: number; tree: number } =>
      j >= joined.length || (l < leaves.length && leaves[l].weight <= joined[j].weight) ? leaves[l++] : joined[j++];
    for (let n = 1; n < leaves.length; n++) {
      const [one, zero] = [lightest(), lightest()];
      const weight = one.weight + zero.weight;
      joined.push({ weight, tree: group.length });
      branch.push(zero.tree, one.tree);
      group.push(THRESHOLDS.filter((threshold) => TOTAL * one.weight < threshold * weight).length);
    }
    root[kind] = group.length - 1;
  }
  trees = { root, branch: Int32Array.from(branch), group: Uint8Array.from(group) };
  prepared.set(tables, trees);
  return trees;
}

export class PhraseDecoder {
  readonly #dictionaries = (dictionaries ??= ONES.map((_, group) => dictionary(group)));
  readonly #trees: Trees;
  readonly #body: Uint8Array;
  readonly #check: number;
  #at = 0;
  /** Of each group: the last byte taken, and how many of its decisions are left. */
  readonly #last = new Uint8Array(GROUPS);
  readonly #left = new Int32Array(GROUPS);
  /** Room for a round. */
  #nodes = new Int32Array();
  #active = new Int32Array();
  #decisions = new Uint8Array();

  constructor(
    readonly tables: Tables,
    payload: Uint8Array,
    elements: number,
  ) {
    const end = payload.length - CHECK_BYTES;
    if (end < 0) throw new TruncatedFile("the payload is shorter than its checksum");
    this.#check = new DataView(payload.buffer, payload.byteOffset).getUint32(end, true);
    this.#body = unframe(payload.subarray(0, end), MOST_BYTES * elements);
    this.#trees = treesOf(tables);
  }

  read(classes: Uint8Array): Int32Array {
    return decodePass(this.tables, (kinds, values, count) => this.#round(kinds, values, count), classes);
  }

  #round(kinds: Uint8Array, values: Int32Array, events: number): void {
    const { root, branch, group } = this.#trees;
    if (events > this.#nodes.length) {
      this.#nodes = new Int32Array(events);
      this.#active = new Int32Array(events);
      this.#decisions = new Uint8Array(events);
    }
    const [nodes, active, decisions] = [this.#nodes, this.#active, this.#decisions];
    for (let i = 0; i < events; i++) {
      nodes[i] = root[kinds[i]];
      active[i] = i;
    }
    const sizes = new Int32Array(GROUPS);
    const at = new Int32Array(GROUPS);
    for (let count = events; count > 0;) {
      sizes.fill(0);
      for (let k = 0; k < count; k++) sizes[group[nodes[k]]]++;
      for (let g = 0, begin = 0; g < GROUPS; begin += sizes[g++]) {
        at[g] = begin;
        this.#take(g, decisions.subarray(begin, begin + sizes[g]));
      }
      let still = 0;
      for (let k = 0; k < count; k++) {
        const node = nodes[k];
        const next = branch[2 * node + decisions[at[group[node]]++]];
        if (next < 0) values[active[k]] = ~next;
        else {
          nodes[still] = next;
          active[still++] = active[k];
        }
      }
      count = still;
    }
  }

  /** The next decisions of a group. */
  #take(group: number, out: Uint8Array): void {
    const { decisions, begins, lengths } = this.#dictionaries[group];
    let left = this.#left[group];
    let last = this.#last[group];
    for (let to = 0; to < out.length;) {
      if (left === 0) {
        if (this.#at === this.#body.length) throw new TruncatedFile("the packed data ends early, or it is damaged");
        last = this.#body[this.#at++];
        left = lengths[last];
      }
      let from = begins[last] + lengths[last] - left;
      const end = to + Math.min(left, out.length - to);
      left -= end - to;
      while (to < end) out[to++] = decisions[from++];
    }
    this.#left[group] = left;
    this.#last[group] = last;
  }

  /** Throws unless everything has been read and the checksum is this CRC-32. */
  finish(crc: number): void {
    if (this.#at < this.#body.length) throw new TrailingBytes("the payload goes on after its last element");
    if (crc !== this.#check) throw new ChecksumMismatch("the file is damaged: its checksum does not match");
    for (let group = 0; group < GROUPS; group++)
      if (this.#left[group] && this.#last[group] !== this.#lowest(group))
        throw new InvalidValue("the payload does not end as it should");
  }

  /** The lowest byte whose phrase begins with the decisions used of the last one. */
  #lowest(group: number): number {
    const { decisions, begins, lengths } = this.#dictionaries[group];
    const last = this.#last[group];
    const used = lengths[last] - this.#left[group];
    const begin = (byte: number): string =>
      decisions.subarray(begins[byte], begins[byte] + Math.min(used, lengths[byte])).join("");
    const wanted = begin(last);
    let byte = 0;
    while (begin(byte) !== wanted) byte++;
    return byte;
  }
}

/** For checking: the number of decisions of a dictionary, and the CRC-32 of its phrases as text. */
export function describe(group: number): { lengths: Int32Array; crc: number } {
  const { decisions, begins, lengths } = dictionary(group);
  const text = Array.from(lengths, (length, i) => `${decisions.subarray(begins[i], begins[i] + length).join("")}\n`);
  return { lengths, crc: crc32(new TextEncoder().encode(text.join(""))) };
}
