// What the tests share: golden files, the specification, hashes, a random generator, damages.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { VERSION } from "../dist/parts.js";

const repository = new URL("../../", import.meta.url);
const suite = new URL(`conformance/${VERSION}/`, repository);
const { valid, models } = JSON.parse(readFileSync(new URL("manifest.json", suite), "utf8"));
const own = new Set(models.map(({ name }) => name));

/** The golden files: rows of the conformance suite by name, but for those that need other models than the bundled ones. */
export const ROWS = Object.fromEntries(
  valid.filter(({ model }) => !own.has(model)).map((row) => [row.file.slice("files/".length, -".aec".length), row]),
);
export const SPECIFICATION = readFileSync(new URL("spec/FORMAT.md", repository), "utf8");

export const goldenFile = (name) => new Uint8Array(readFileSync(new URL(ROWS[name].file, suite)));
export const modelFile = (name) => new Uint8Array(readFileSync(new URL(`weights/${name}.safetensors`, repository)));
export const nativeSource = (name) => readFileSync(new URL(`aecodec/native/${name}`, repository));

/** The SHA-256 of the samples of a picture, little-endian, as the manifest has it. */
export function sha256({ data }) {
  return createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex");
}

/** The part of the specification between two marks. */
export function marked(name) {
  return SPECIFICATION.split(`<!-- ${name}: begin -->`)[1].split(`<!-- ${name}: end -->`)[0];
}

/** The rows of a table as arrays of cells. */
export function tableRows(text) {
  const rows = text.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

export const bytesOf = (hex) => Uint8Array.from(hex.replaceAll("`", "").split(" "), (byte) => parseInt(byte, 16));

/** Whole numbers 0..below-1, the same for the same seed (xorshift). */
export function randomNumbers(seed) {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export function continued(bytes, more) {
  const out = new Uint8Array(bytes.length + more.length);
  out.set(bytes);
  out.set(more, bytes.length);
  return out;
}

/** A model file whose head has been changed as text. */
export function changedHead(file, change) {
  const length = new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  const text = change(new TextDecoder().decode(file.subarray(8, 8 + length)));
  const head = new TextEncoder().encode(text);
  const out = new Uint8Array(8 + head.length + file.length - 8 - length);
  new DataView(out.buffer).setUint32(0, head.length, true);
  out.set(head, 8);
  out.set(file.subarray(8 + length), 8 + head.length);
  return out;
}

/** A file that was cut off, continued, changed or moved about. */
export function damaged(file, random) {
  const bytes = Uint8Array.from(file);
  const at = random(bytes.length);
  switch (random(6)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return continued(
        bytes,
        Uint8Array.from({ length: 1 + random(8) }, () => random(256)),
      );
    case 2:
      bytes[at] ^= 1 << random(8);
      return bytes;
    case 3:
      for (let i = 0; i < 1 + random(4); i++)
        bytes[random(bytes.length)] = [0, 0x7f, 0x80, 0xff, random(256)][random(5)];
      return bytes;
    case 4:
      bytes.copyWithin(at, random(bytes.length), random(bytes.length));
      return bytes;
    default:
      for (let i = 0; i < 3; i++) bytes[random(Math.min(bytes.length, 24))] = random(256); // the header
      return bytes;
  }
}
