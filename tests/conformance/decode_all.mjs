// Decodes the files of a JSON object on standard input, as test_javascript.py gives them, and prints what they are.

import { createHash } from "node:crypto";
import { decode } from "../../js/dist/index.js";

let text = "";
for await (const part of process.stdin) text += part;
const { files, models, maxPixels, engine } = JSON.parse(text);
const bytesOf = (base64) => new Uint8Array(Buffer.from(base64, "base64"));
const bundled = new URL("../../weights/", import.meta.url);
const source = ({ id, name }) => (models[id] ? bytesOf(models[id]) : new URL(`${name || id}.safetensors`, bundled));

const found = [];
for (const file of files)
  try {
    const { width, height, channels, bits, data } = await decode(bytesOf(file), { maxPixels, engine, models: source });
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    found.push([height, width, channels, bits, createHash("sha256").update(bytes).digest("hex")]);
  } catch (error) {
    found.push(`${error.name}: ${error.message}`);
  }
console.log(JSON.stringify(found));
