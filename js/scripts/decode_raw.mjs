// Writes the raw samples of an .aec file, as the conformance suite compares them: node js/scripts/decode_raw.mjs FILE OUT
//
// Row by row, the channels of a pixel together, 16 bits little-endian. Models that are not bundled are looked for in the
// folder AECODEC_MODELS. Exits with 1 for a file that is refused. Needs dist/, which `npm run build` makes.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AecError, decode } from "../dist/index.js";
import { readModel } from "../dist/parts.js";

const [source, target] = process.argv.slice(2);
const folder = process.env.AECODEC_MODELS;
const bundled = new URL("../../weights/", import.meta.url);

/** The model file with this id in the folder; one that is no model file is nobody's. */
function found(id) {
  for (const name of folder ? readdirSync(folder) : []) {
    const bytes = new Uint8Array(readFileSync(join(folder, name)));
    try {
      if (readModel(bytes).id === id) return bytes;
    } catch (error) {
      if (!(error instanceof AecError)) throw error;
    }
  }
  throw new Error("there is no such file");
}

try {
  const models = ({ id, name }) => (name ? new URL(`${name}.safetensors`, bundled) : found(id));
  const { bits, data } = await decode(new Uint8Array(readFileSync(source)), { models });
  const samples = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  writeFileSync(target, bits === 16 && bigEndian() ? samples.swap16() : samples);
} catch (error) {
  if (!(error instanceof AecError)) throw error;
  console.error(`${source}: ${error.name}: ${error.message}`);
  process.exitCode = 1;
}

/** Whether this machine's typed arrays hold the highest byte of a number first. */
function bigEndian() {
  return new Uint8Array(Uint16Array.of(1).buffer)[0] === 0;
}
