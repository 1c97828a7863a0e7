import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { crc32 as crc32OfNode } from "node:zlib";
import { AecError, decode, inspect } from "../dist/index.js";
import { BUNDLED, SOURCES, crc32, describe, readHeader, sha256 as digest } from "../dist/parts.js";
import { bytesOf, marked, nativeSource, randomNumbers, tableRows } from "./files.mjs";

test("the bundled models are those of the specification", () => {
  const rows = tableRows(marked("models")).map(([number, name, tile, channels, id]) => {
    const [width, height] = tile.split(" x ").map(Number);
    return {
      number: +number,
      name,
      id: id.replaceAll("`", ""),
      tile: tile === "none" ? null : [height, width],
      channels: +channels,
    };
  });
  assert.deepEqual(BUNDLED, rows);
});

test("the dictionaries are those of the specification", () => {
  for (const [group, first, last, shortest, longest, sum, crc] of tableRows(marked("dictionaries"))) {
    const found = describe(+group);
    assert.deepEqual(
      [found.lengths[0], found.lengths[255], Math.min(...found.lengths), Math.max(...found.lengths)].map(String),
      [first, last, shortest, longest],
    );
    assert.equal(
      found.lengths.reduce((a, b) => a + b),
      +sum,
    );
    assert.equal(found.crc, parseInt(crc, 16));
  }
});

test("the headers that the specification calls valid are read", () => {
  const fields = (hex) => {
    const bytes = bytesOf(hex);
    const { form, modelNumber, quality, packing, size, variant, sections, length } = readHeader(bytes);
    return { form, modelNumber, quality, packing, size, variant, sections: [...sections.keys()], length };
  };
  const same = { size: null, variant: false, sections: [] };
  const small = { ...same, form: "small", modelNumber: 5, quality: 75, packing: "rans", length: 2 };
  assert.deepEqual(fields("B5 4B B8"), small); // with the check of an empty payload
  assert.deepEqual(fields("BF 25 CB"), {
    ...same,
    form: "short",
    modelNumber: 5,
    quality: 75,
    packing: "zstd",
    variant: true,
    length: 3,
  });
  assert.deepEqual(fields("BF 3F E4 1F 1F"), {
    ...same,
    form: "short",
    modelNumber: 15,
    quality: 100,
    packing: "zstd",
    size: { width: 32, height: 32 },
    variant: true,
    length: 5,
  });
  assert.deepEqual(fields("AE C0 DE 01 37 32 7F 80 01"), {
    ...same,
    form: "general",
    modelNumber: 7,
    quality: 50,
    packing: "rans",
    size: { width: 128, height: 129 },
    variant: true,
    length: 9,
  });
  assert.deepEqual(fields("AE C0 DE 01 97 B2 FF 05 FF 03 81 03 61 62 63 00"), {
    ...same,
    form: "general",
    modelNumber: 7,
    quality: 50,
    packing: "zstd",
    size: { width: 768, height: 512 },
    sections: [129],
    length: 16,
  });
});

const refused = tableRows(marked("refused"));
test("there are headers to refuse", () => assert.ok(refused.length > 20));
for (const [hex, why] of refused)
  test(`refused: ${why}`, async () => {
    await assert.rejects(decode(bytesOf(hex)), AecError);
    await assert.rejects(inspect(bytesOf(hex)), AecError);
  });

test("checksums and digests are those of other implementations", () => {
  const random = randomNumbers(1);
  for (let length = 0; length < 300; length++) {
    const bytes = Uint8Array.from({ length }, () => random(256));
    const cut = random(length + 1);
    assert.equal(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut))), crc32OfNode(bytes));
    const parts = [bytes.subarray(0, cut), bytes.subarray(cut)];
    assert.deepEqual(digest(parts), new Uint8Array(createHash("sha256").update(bytes).digest()));
  }
});

test("the WebAssembly was made of the sources of the native library: else `npm run wasm`", () => {
  for (const [name, crc] of Object.entries(SOURCES)) assert.equal(crc32OfNode(nativeSource(name)), crc, name);
});

test("the package has less than 150 kB without its models, and those of the specification", () => {
  const said = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [{ files }] = Object.values(JSON.parse(said));
  const code = files.filter(({ path }) => !path.startsWith("models/"));
  const held = readFileSync(new URL("../../aecodec/placeholders/placeholder-1.bin", import.meta.url)).toString("base64");
  const size = code.reduce((sum, { size }) => sum + size, 0) - held.length; // the model of placeholders is in their file
  assert.ok(size < 150_000, `${size} bytes`);
  assert.deepEqual(
    files
      .filter(({ path }) => path.startsWith("models/"))
      .map(({ path }) => path)
      .sort(),
    BUNDLED.map(({ name }) => `models/${name}.safetensors`).sort(),
  );
  assert.ok(
    ["LICENSE", "README.md", "dist/index.d.ts", "dist/worker.js"].every((path) =>
      files.some((file) => file.path === path),
    ),
  );
});
