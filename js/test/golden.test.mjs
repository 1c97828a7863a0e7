import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, decodeImageData, decodeMany, engineName, imageDataOf, inspect } from "../dist/index.js";
import { ROWS, goldenFile, sha256 } from "./files.mjs";

function requireGolden(picture, row) {
  assert.deepEqual([picture.width, picture.height], [row.width, row.height]);
  assert.equal(picture.channels, row.channels);
  assert.equal(picture.bits, row.bits);
  assert.equal(picture.data.length, row.width * row.height * row.channels);
  assert.equal(sha256(picture), row.pixels);
}

test("WebAssembly decodes here", async () => assert.equal(await engineName(), "wasm"));

for (const [name, row] of Object.entries(ROWS)) {
  test(`${name} decodes to its pixels with both engines`, async () => {
    for (const engine of ["auto", "typescript"]) requireGolden(await decode(goldenFile(name), { engine }), row);
  });

  test(`${name} says what the table says`, async () => {
    const info = await inspect(goldenFile(name));
    assert.deepEqual(
      [
        info.model,
        info.bits,
        info.inverted,
        info.quality,
        info.maxError,
        info.packing,
        info.width,
        info.height,
        info.fileBytes,
      ],
      [
        row.model,
        row.bits,
        row.inverted,
        row.quality,
        row.max_error,
        row.packing,
        row.width,
        row.height,
        row.file_bytes,
      ],
    );
    assert.equal(info.channels, row.channels);
  });
}

test("workers decode many files to the same pixels, in their order", async () => {
  const names = Object.keys(ROWS);
  let done = 0;
  for await (const picture of decodeMany(names.map(goldenFile), { worker: true }))
    requireGolden(picture, ROWS[names[done++]]);
  assert.equal(done, names.length);
});

test("bytes may be a buffer, or a part of one", async () => {
  const file = goldenFile("small-rans");
  const larger = Uint8Array.of(1, 2, 3, ...file, 4);
  requireGolden(await decode(file.buffer), ROWS["small-rans"]);
  requireGolden(await decode(larger.subarray(3, 3 + file.length)), ROWS["small-rans"]);
  requireGolden(await decode(new DataView(larger.buffer, 3, file.length)), ROWS["small-rans"]);
});

test("what is no file is refused", async () => {
  for (const wrong of ["horse.aec", undefined, null, 5, [1, 2]])
    await assert.rejects(() => decode(wrong), { name: "InvalidValue" });
});

test("a canvas gets red, green, blue and opacity of eight bits", async () => {
  const { width, height, data } = await decodeImageData(goldenFile("plain-alpha"));
  assert.deepEqual(Array.from(data), Array.from((await decode(goldenFile("plain-alpha"))).data));
  assert.deepEqual([width, height], [20, 20]);
  const rgba = ({ channels, bits, data }) =>
    Array.from(imageDataOf({ width: 1, height: 1, channels, bits, data }).data);
  assert.deepEqual(rgba({ channels: 1, bits: 8, data: Uint8Array.of(7) }), [7, 7, 7, 255]);
  assert.deepEqual(rgba({ channels: 2, bits: 8, data: Uint8Array.of(7, 9) }), [7, 7, 7, 9]);
  assert.deepEqual(rgba({ channels: 3, bits: 16, data: Uint16Array.of(65535, 128, 129) }), [255, 0, 1, 255]);
});
