/** The entropy codes of Zstandard frames (RFC 8878, section 4): finite state entropy and Huffman. */

import { InvalidValue } from "./errors.js";

export function damaged(): InvalidValue {
  return new InvalidValue("a Zstandard frame of the file is damaged");
}

export function require(condition: boolean): void {
  if (!condition) throw damaged();
}

/** The number of the highest bit that is set. */
function highest(value: number): number {
  return 31 - Math.clz32(value);
}

/** Bits from the end of a stream to its beginning; the highest bit set of its last byte only marks the end. */
export class BackwardBits {
  /** Bits that are left; negative once more were taken than there are. */
  left: number;

  constructor(readonly data: Uint8Array) {
    const last = data.length ? data[data.length - 1] : 0;
    require(last > 0);
    this.left = 8 * (data.length - 1) + highest(last);
  }

  /** The next `count` bits, at most 16, without taking them; beyond the beginning they are 0. */
  peek(count: number): number {
    const from = this.left - count;
    const data = this.data;
    const at = from >> 3;
    const bits = (data[at] | (data[at + 1] << 8) | (data[at + 2] << 16)) >>> (from & 7);
    return bits & ((1 << count) - 1);
  }

  take(count: number): number {
    const value = count > 16 ? (this.take(count - 16) << 16) | this.take(16) : this.peek(count);
    if (count <= 16) this.left -= count;
    return value;
  }
}

/** A table of finite state entropy: of each state, the symbol, and the bits and base of the next state. */
export interface Fse {
  log: number;
  symbols: Uint8Array;
  bits: Uint8Array;
  bases: Uint16Array;
}

export function fseTable(log: number, probabilities: number[]): Fse {
  const size = 1 << log;
  const table = { log, symbols: new Uint8Array(size), bits: new Uint8Array(size), bases: new Uint16Array(size) };
  const next = probabilities.map((p) => Math.max(p, 1));
  let end = size;
  for (const [symbol, p] of probabilities.entries()) if (p === -1) table.symbols[--end] = symbol;
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  for (const [symbol, p] of probabilities.entries())
    for (let i = 0; i < p; i++) {
      table.symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at >= end);
    }
  for (let state = 0; state < size; state++) {
    const number = next[table.symbols[state]]++;
    table.bits[state] = log - highest(number);
    table.bases[state] = (number << table.bits[state]) - size;
  }
  return table;
}

export function fseOfOne(symbol: number): Fse {
  return { log: 0, symbols: Uint8Array.of(symbol), bits: new Uint8Array(1), bases: new Uint16Array(1) };
}

/** A table's description at the beginning of `data`, and how many bytes it has. */
export function readFse(data: Uint8Array, mostLog: number, mostSymbol: number): { table: Fse; length: number } {
  let at = 4;
  const bits = (count: number): number => {
    const byte = at >> 3;
    return ((data[byte] | (data[byte + 1] << 8) | (data[byte + 2] << 16)) >>> (at & 7)) & ((1 << count) - 1);
  };
  const log = (data[0] & 15) + 5;
  require(data.length > 0 && log <= mostLog);
  const probabilities: number[] = [];
  let rest = 1 << log;
  while (rest > 0) {
    const count = highest(rest + 1) + 1;
    const low = (1 << (count - 1)) - 1;
    const threshold = (1 << count) - 2 - rest;
    let value = bits(count);
    if ((value & low) < threshold) {
      value &= low;
      at += count - 1;
    } else {
      if (value > low) value -= threshold;
      at += count;
    }
    probabilities.push(value - 1);
    rest -= Math.abs(value - 1);
    if (value === 1)
      for (let repeat = 3; repeat === 3;) {
        repeat = bits(2);
        at += 2;
        for (let i = 0; i < repeat; i++) probabilities.push(0);
        require(probabilities.length <= mostSymbol + 1);
      }
    require(at <= 8 * data.length && probabilities.length <= mostSymbol + 1);
  }
  require(rest === 0);
  return { table: fseTable(log, probabilities), length: (at + 7) >> 3 };
}

/** A Huffman code: of every next `log` bits, the symbol and how many of them it takes. */
export interface Huffman {
  log: number;
  symbols: Uint8Array;
  bits: Uint8Array;
}

function fseWeights(data: Uint8Array): number[] {
  const { table, length } = readFse(data, 6, 12);
  const stream = new BackwardBits(data.subarray(length));
  const states = [stream.take(table.log), stream.take(table.log)];
  require(stream.left >= 0);
  const weights: number[] = [];
  for (let turn = 0; ; turn ^= 1) {
    require(weights.length < 255);
    weights.push(table.symbols[states[turn]]);
    const bits = table.bits[states[turn]];
    if (stream.left < bits) {
      weights.push(table.symbols[states[turn ^ 1]]);
      return weights;
    }
    states[turn] = table.bases[states[turn]] + stream.take(bits);
  }
}

export function readHuffman(data: Uint8Array): { code: Huffman; length: number } {
  require(data.length > 0);
  let weights: number[];
  let length: number;
  if (data[0] < 128) {
    length = 1 + data[0];
    require(length <= data.length);
    weights = fseWeights(data.subarray(1, length));
  } else {
    const count = data[0] - 127;
    length = 1 + ((count + 1) >> 1);
    require(length <= data.length);
    weights = Array.from({ length: count }, (_, i) => (i & 1 ? data[1 + (i >> 1)] & 15 : data[1 + (i >> 1)] >> 4));
  }
  require(weights.length <= 255 && weights.every((weight) => weight <= 11));
  const sum = weights.reduce((total, weight) => total + ((1 << weight) >> 1), 0);
  require(sum > 0);
  const log = highest(sum) + 1;
  const rest = (1 << log) - sum;
  require(log <= 11 && (rest & (rest - 1)) === 0);
  weights.push(highest(rest) + 1);
  const code = { log, symbols: new Uint8Array(1 << log), bits: new Uint8Array(1 << log) };
  let at = 0;
  for (let weight = 1; weight <= log; weight++)
    for (const [symbol, own] of weights.entries())
      if (own === weight) {
        const end = at + (1 << (weight - 1));
        code.symbols.fill(symbol, at, end);
        code.bits.fill(log + 1 - weight, at, end);
        at = end;
      }
  require(at === 1 << log);
  return { code, length };
}

export function huffmanStream(code: Huffman, data: Uint8Array, out: Uint8Array): void {
  const stream = new BackwardBits(data);
  const { log, symbols, bits } = code;
  for (let i = 0; i < out.length; i++) {
    const next = stream.peek(log);
    out[i] = symbols[next];
    stream.left -= bits[next];
  }
  require(stream.left === 0);
}
