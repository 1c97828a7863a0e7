/** Sections 4.1 and 4.2: named arrays and text. */

import { InvalidModelFile } from "./errors.js";

/** Bytes of an element, and the name of the type in section 4.5. */
const DTYPES: Readonly<Record<string, { size: number; name: string }>> = {
  U8: { size: 1, name: "|u1" },
  I8: { size: 1, name: "|i1" },
  U16: { size: 2, name: "<u2" },
  I16: { size: 2, name: "<i2" },
  U32: { size: 4, name: "<u4" },
  I32: { size: 4, name: "<i4" },
  I64: { size: 8, name: "<i8" },
  F16: { size: 2, name: "<f2" },
  F32: { size: 4, name: "<f4" },
};
const MOST_JSON = 2 ** 20;

export interface NamedArray {
  dtype: string;
  /** The name of the type in the id of a model. */
  dtypeName: string;
  shape: number[];
  data: Uint8Array;
}

export interface ModelFile {
  arrays: Map<string, NamedArray>;
  metadata: Record<string, unknown>;
}

export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** JSON in which no object repeats a name, and in which shapes and positions are written as digits alone. */
function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const objects: { names: Set<string>; last: string }[] = [];
  for (const [token, string] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}]|[-\d][-+.\deE]*/g)) {
    const inner = objects[objects.length - 1];
    if (token === "{") objects.push({ names: new Set(), last: "" });
    else if (token === "}") objects.pop();
    else if (string) {
      inner.last = JSON.parse(string) as string;
      if (inner.names.has(inner.last)) throw new InvalidModelFile(`the model file has the name ${inner.last} twice`);
      inner.names.add(inner.last);
    } else if (!token.startsWith('"') && ["shape", "data_offsets"].includes(inner?.last) && !/^\d+$/.test(token))
      throw new InvalidModelFile(`the model file has ${token} where an integer of 0 or more is expected`);
  }
  return value;
}

export function readModelFile(data: Uint8Array): ModelFile {
  if (data.length < 8) throw new InvalidModelFile("the model file is too short");
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const length = view.getUint32(0, true);
  if (view.getUint32(4, true) !== 0 || length > MOST_JSON || length > data.length - 8)
    throw new InvalidModelFile("the head of the model file does not fit into it");
  let head: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data.subarray(8, 8 + length));
    head = parseJson(text);
  } catch (error) {
    if (error instanceof InvalidModelFile) throw error;
    throw new InvalidModelFile("the head of the model file is not JSON", { cause: error });
  }
  if (!isObject(head)) throw new InvalidModelFile("the head of the model file is not an object");
  const { __metadata__: metadata = {}, ...entries } = head;
  if (!isObject(metadata)) throw new InvalidModelFile("the metadata of the model file is not an object");
  return { arrays: arraysOf(entries, data.subarray(8 + length)), metadata };
}

function arraysOf(entries: Json, body: Uint8Array): Map<string, NamedArray> {
  const arrays = new Map<string, NamedArray>();
  const spans: [number, number][] = [];
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
    const type = typeof dtype === "string" && Object.hasOwn(DTYPES, dtype) ? DTYPES[dtype] : undefined;
    if (!type || !Array.isArray(shape) || !shape.every(isCount) || !Array.isArray(offsets) || offsets.length !== 2)
      throw new InvalidModelFile(`the array ${name} of the model file is not described as it should be`);
    const [begin, end] = offsets as unknown[];
    const size = shape.reduce((product, dimension) => product * dimension, type.size);
    if (!isCount(begin) || !isCount(end) || end - begin !== size || end > body.length)
      throw new InvalidModelFile(`the array ${name} of the model file does not have the size of its shape`);
    spans.push([begin, end]);
    arrays.set(name, { dtype: dtype as string, dtypeName: type.name, shape, data: body.subarray(begin, end) });
  }
  spans.sort(([a, b], [c, d]) => a - c || b - d);
  let place = 0;
  for (const [begin, end] of spans) {
    if (begin !== place) throw new InvalidModelFile("the arrays of the model file overlap or leave holes");
    place = end;
  }
  if (place !== body.length) throw new InvalidModelFile("the model file has bytes that belong to no array");
  return arrays;
}

/** The values of an array of integers; undefined if it holds other numbers, or one beyond 2^53. */
export function integersOf(array: NamedArray): Int32Array | Float64Array | undefined {
  const { dtype, data } = array;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const all = <T extends Int32Array | Float64Array>(values: T, read: (at: number) => number): T => {
    const width = data.length / values.length;
    for (let i = 0; i < values.length; i++) values[i] = read(i * width);
    return values;
  };
  switch (dtype) {
    case "U8":
      return Int32Array.from(data);
    case "I8":
      return Int32Array.from(new Int8Array(data.buffer, data.byteOffset, data.length));
    case "U16":
      return all(new Int32Array(data.length / 2), (at) => view.getUint16(at, true));
    case "I16":
      return all(new Int32Array(data.length / 2), (at) => view.getInt16(at, true));
    case "I32":
      return all(new Int32Array(data.length / 4), (at) => view.getInt32(at, true));
    case "U32":
      return all(new Float64Array(data.length / 4), (at) => view.getUint32(at, true));
    case "I64": {
      const found = all(new Float64Array(data.length / 8), (at) => Number(view.getBigInt64(at, true)));
      return found.every(Number.isSafeInteger) ? found : undefined;
    }
    default:
      return undefined;
  }
}
