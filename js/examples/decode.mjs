// Decodes an .aec file to a PAM file, which most viewers and converters read: node examples/decode.mjs FILE.aec FILE.pam

import { readFile, writeFile } from "node:fs/promises";
import { decode } from "../dist/index.js";

const TYPES = { 1: "GRAYSCALE", 2: "GRAYSCALE_ALPHA", 3: "RGB", 4: "RGB_ALPHA" };

const [source, target] = process.argv.slice(2);
const { width, height, channels, bits, data } = await decode(await readFile(source));
const fields = [
  ["WIDTH", width],
  ["HEIGHT", height],
  ["DEPTH", channels],
  ["MAXVAL", 2 ** bits - 1],
  ["TUPLTYPE", TYPES[channels]],
];
const head = ["P7", ...fields.map((field) => field.join(" ")), "ENDHDR", ""].join("\n");
const samples = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
await writeFile(target, Buffer.concat([Buffer.from(head), bits === 16 ? samples.swap16() : samples]));
console.log(`${target}: ${width}x${height}, ${channels} channels of ${bits} bits`);
