/**
 * The frames of section 9: Zstandard (RFC 8878) without a magic number, in the order of that document.
 *
 * Decoders made for files that their user trusts do not bound the work of a damaged block. This one checks every length
 * before it copies, and refuses bits that are left over.
 */

import { InvalidValue, TrailingBytes, TruncatedFile } from "./errors.js";
import {
  BackwardBits,
  type Fse,
  type Huffman,
  damaged,
  fseOfOne,
  fseTable,
  huffmanStream,
  readFse,
  readHuffman,
  require,
} from "./frame_entropy.js";

const MOST_WINDOW = 0x50;
const MOST_BLOCK = 2 ** 17;
const RAW = 0;
const RLE = 1;
const COMPRESSED = 2;

const LITERAL_LENGTHS = 35;
const OFFSETS = 31;
const MATCH_LENGTHS = 52;
const LITERAL_BITS = [...Array<number>(16).fill(0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const MATCH_BITS = [...Array<number>(32).fill(0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

function basesOf(bits: number[], first: number): number[] {
  return bits.map((_, i) => bits.slice(0, i).reduce((sum, each) => sum + 2 ** each, first));
}

const LITERAL_BASES = basesOf(LITERAL_BITS, 0);
const MATCH_BASES = basesOf(MATCH_BITS, 3);
const some = (count: number, p: number): number[] => Array<number>(count).fill(p);

/** Literal lengths, offsets, match lengths: the order in which a block describes them. */
const KINDS = [
  {
    log: 9,
    most: LITERAL_LENGTHS,
    predefined: fseTable(6, [4, 3, ...some(11, 2), 1, 1, 1, ...some(9, 2), 3, 2, ...some(5, 1), ...some(4, -1)]),
  },
  {
    log: 8,
    most: OFFSETS,
    predefined: fseTable(5, [...some(6, 1), 2, 2, 2, ...some(15, 1), ...some(5, -1)]),
  },
  {
    log: 9,
    most: MATCH_LENGTHS,
    predefined: fseTable(6, [1, 4, 3, ...some(6, 2), ...some(37, 1), ...some(7, -1)]),
  },
];

/** What one block leaves to the next. */
interface State {
  window: number;
  mostBlock: number;
  huffman: Huffman | null;
  tables: (Fse | null)[];
  repeats: [number, number, number];
}

class Output {
  data = new Uint8Array(256);
  length = 0;

  constructor(readonly most: number) {}

  /** Room for `count` more bytes; returns where they begin. */
  grow(count: number): number {
    if (this.length + count > this.most) throw new TrailingBytes("a frame of the file holds more than it can need");
    if (this.length + count > this.data.length) {
      const data = new Uint8Array(Math.min(this.most, Math.max(2 * this.data.length, this.length + count)));
      data.set(this.data.subarray(0, this.length));
      this.data = data;
    }
    this.length += count;
    return this.length - count;
  }

  append(bytes: Uint8Array): void {
    const at = this.grow(bytes.length);
    this.data.set(bytes, at);
  }

  repeat(byte: number, count: number): void {
    const at = this.grow(count);
    this.data.fill(byte, at, this.length);
  }

  copy(offset: number, count: number): void {
    let to = this.grow(count);
    const data = this.data;
    for (const end = to + count; to < end; to++) data[to] = data[to - offset];
  }
}

/** The literals of a block, and the bytes that they take. */
function readLiterals(block: Uint8Array, state: State): { literals: Uint8Array; length: number } {
  require(block.length > 0);
  const type = block[0] & 3;
  const format = (block[0] >> 2) & 3;
  const bytes = (from: number, to: number): Uint8Array => {
    require(to <= block.length);
    return block.subarray(from, to);
  };
  const number = (count: number): number => bytes(0, count).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
  if (type === RAW || type === RLE) {
    const head = format === 1 ? 2 : format === 3 ? 3 : 1;
    const size = Math.floor(number(head) / (head === 1 ? 8 : 16));
    require(size <= state.mostBlock);
    if (type === RAW) return { literals: bytes(head, head + size), length: head + size };
    return { literals: new Uint8Array(size).fill(bytes(head, head + 1)[0]), length: head + 1 };
  }
  const head = format < 2 ? 3 : format + 2;
  const width = 2 ** (format < 2 ? 10 : format === 2 ? 14 : 18);
  const value = Math.floor(number(head) / 16);
  const size = value % width;
  const length = head + Math.floor(value / width);
  require(size <= state.mostBlock);
  let data = bytes(head, length);
  if (type === COMPRESSED) {
    const tree = readHuffman(data);
    state.huffman = tree.code;
    data = data.subarray(tree.length);
  }
  const code = state.huffman;
  if (!code) throw damaged();
  const literals = new Uint8Array(size);
  if (format === 0) huffmanStream(code, data, literals);
  else {
    require(data.length >= 6);
    const part = (size + 3) >> 2;
    require(3 * part <= size);
    let at = 6;
    for (let stream = 0; stream < 4; stream++) {
      const end = stream < 3 ? at + data[2 * stream] + 256 * data[2 * stream + 1] : data.length;
      require(end <= data.length && end >= at);
      huffmanStream(
        code,
        data.subarray(at, end),
        literals.subarray(stream * part, stream < 3 ? (stream + 1) * part : size),
      );
      at = end;
    }
  }
  return { literals, length };
}

function offsetOf(value: number, literals: number, repeats: [number, number, number]): number {
  if (value > 3) {
    repeats.unshift(value - 3);
    repeats.length = 3;
    return value - 3;
  }
  const index = literals > 0 ? value - 1 : value;
  const offset = index < 3 ? repeats[index] : repeats[0] - 1;
  if (index > 1) repeats[2] = repeats[1];
  if (index > 0) [repeats[1], repeats[0]] = [repeats[0], offset];
  return offset;
}

function readTables(data: Uint8Array, modes: number, state: State): number {
  let at = 0;
  require((modes & 3) === 0);
  for (const [i, kind] of KINDS.entries()) {
    const mode = (modes >> (6 - 2 * i)) & 3;
    if (mode === 0) state.tables[i] = kind.predefined;
    else if (mode === 1) {
      require(at < data.length && data[at] <= kind.most);
      state.tables[i] = fseOfOne(data[at++]);
    } else if (mode === 2) {
      const found = readFse(data.subarray(at), kind.log, kind.most);
      state.tables[i] = found.table;
      at += found.length;
    } else require(state.tables[i] !== null);
  }
  return at;
}

function readSequences(data: Uint8Array, literals: Uint8Array, state: State, out: Output): void {
  const begin = out.length;
  require(data.length > 0);
  let [count, at] = [data[0], 1];
  if (count === 255) [count, at] = [data[1] + 256 * data[2] + 0x7f00, 3];
  else if (count > 127) [count, at] = [256 * (count - 128) + data[1], 2];
  if (count === 0) {
    require(at === data.length);
    out.append(literals);
    return;
  }
  require(at < data.length);
  const modes = data[at++];
  at += readTables(data.subarray(at), modes, state);
  const [lengths, offsets, matches] = state.tables as Fse[];
  const stream = new BackwardBits(data.subarray(at));
  let length = stream.take(lengths.log);
  let offset = stream.take(offsets.log);
  let match = stream.take(matches.log);
  let used = 0;
  for (let i = 0; i < count; i++) {
    const bits = offsets.symbols[offset];
    const value = 2 ** bits + (stream.take(bits) >>> 0);
    const m = matches.symbols[match];
    const copied = MATCH_BASES[m] + stream.take(MATCH_BITS[m]);
    const l = lengths.symbols[length];
    const taken = LITERAL_BASES[l] + stream.take(LITERAL_BITS[l]);
    if (i < count - 1) {
      length = lengths.bases[length] + stream.take(lengths.bits[length]);
      match = matches.bases[match] + stream.take(matches.bits[match]);
      offset = offsets.bases[offset] + stream.take(offsets.bits[offset]);
    }
    const distance = offsetOf(value, taken, state.repeats);
    require(stream.left >= 0 && used + taken <= literals.length);
    require(out.length - begin + taken + copied <= state.mostBlock);
    out.append(literals.subarray(used, (used += taken)));
    require(distance > 0 && distance <= out.length && distance <= state.window);
    out.copy(distance, copied);
  }
  require(stream.left === 0 && out.length - begin + literals.length - used <= state.mostBlock);
  out.append(literals.subarray(used));
}

/** The content of a frame, which must fill `frame` and hold at most `most` bytes. */
export function unframe(frame: Uint8Array, most: number): Uint8Array {
  if (frame.length < 2) throw new TruncatedFile("a Zstandard frame of the file ends early");
  if (frame[0] !== 0 || frame[1] > MOST_WINDOW)
    throw new InvalidValue("a Zstandard frame of the file is of a wrong kind");
  const window = (1 << (10 + (frame[1] >> 3))) * (1 + (frame[1] & 7) / 8);
  const mostBlock = Math.min(window, MOST_BLOCK);
  const state: State = { window, mostBlock, huffman: null, tables: [null, null, null], repeats: [1, 4, 8] };
  const out = new Output(most);
  for (let at = 2, last = false; !last;) {
    if (at + 3 > frame.length) throw new TruncatedFile("a Zstandard frame of the file ends early");
    const head = frame[at] | (frame[at + 1] << 8) | (frame[at + 2] << 16);
    last = (head & 1) === 1;
    const type = (head >> 1) & 3;
    const size = head >> 3;
    at += 3;
    const end = at + (type === RLE ? 1 : size);
    require(type <= COMPRESSED && size <= mostBlock);
    if (end > frame.length) throw new TruncatedFile("a Zstandard frame of the file ends early");
    const block = frame.subarray(at, end);
    if (type === RAW) out.append(block);
    else if (type === RLE) out.repeat(block[0], size);
    else {
      const { literals, length } = readLiterals(block, state);
      readSequences(block.subarray(length), literals, state, out);
    }
    at = end;
    if (last && at < frame.length) throw new TrailingBytes("bytes follow a Zstandard frame of the file");
  }
  return out.data.subarray(0, out.length);
}
