import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { AecError, decodePlaceholder, placeholderAspectRatio, placeholderUrl } from "../dist/placeholder.js";
import { randomNumbers, sha256 } from "./files.mjs";

const ROWS = JSON.parse(readFileSync(new URL("../../tests/placeholders/placeholders.json", import.meta.url), "utf8"));

/** Without opacity, as the table has it. */
const rgb = ({ data }) => ({ data: data.filter((_, at) => at % 4 < 3) });

for (const row of ROWS)
  test(`${row.name}: the pixels of the table`, () => {
    const found = decodePlaceholder(row.placeholder, row.options);
    assert.deepEqual([found.width, found.height], row.size);
    assert.equal(sha256(rgb(found)), row.sha256);
    assert.ok(found.data.every((sample, at) => at % 4 < 3 || sample === 255));
  });

test("base64, base64 for addresses, hexadecimal and bytes are the same", () => {
  const bytes = Uint8Array.from(Buffer.from(ROWS[0].placeholder, "base64"));
  const expected = decodePlaceholder(bytes);
  for (const form of ["base64", "base64url", "hex"])
    assert.deepEqual(decodePlaceholder(Buffer.from(bytes).toString(form)), expected);
});

test("the first byte tells the aspect ratio", () => {
  assert.equal(placeholderAspectRatio(Uint8Array.of(31)), 1);
  assert.equal(placeholderAspectRatio(Uint8Array.of(15)), 2);
  assert.equal(placeholderAspectRatio(Uint8Array.of(62)), 1 / 32);
});

test("an address holds the pixels as a BMP file", () => {
  const file = Buffer.from(placeholderUrl(ROWS[0].placeholder, { width: 6, height: 5 }).split(",")[1], "base64");
  const { data } = decodePlaceholder(ROWS[0].placeholder, { width: 6, height: 5 });
  assert.deepEqual([file.toString("latin1", 0, 2), file.readInt32LE(18), file.readInt32LE(22)], ["BM", 6, -5]);
  assert.equal(file.length, file.readUInt32LE(2));
  const second = 54 + 20; // rows are padded to four bytes
  assert.deepEqual([...file.subarray(second, second + 3)], [data[26], data[25], data[24]]);
});

test("whatever the bytes, there is a picture or an AecError", () => {
  const random = randomNumbers(28);
  for (let i = 0; i < Number(process.env.MUTATIONS ?? 2000) / 10; i++) {
    const bytes = Uint8Array.from({ length: random(70) }, () => random(256));
    const valid = bytes.length >= 1 && bytes.length <= 64 && bytes[0] < 252;
    if (valid) assert.equal(decodePlaceholder(bytes).data.length % 4, 0);
    else assert.throws(() => decodePlaceholder(bytes), AecError);
  }
});

test("what is no placeholder, and sizes that are none, are refused", () => {
  for (const text of ["", "!", "/w=="]) assert.throws(() => decodePlaceholder(text), AecError);
  for (const width of [0, 1025, 1.5, NaN, "5"])
    assert.throws(() => decodePlaceholder(ROWS[0].placeholder, { width }), AecError);
  assert.throws(() => decodePlaceholder(Uint8Array.of(0), { height: 40 }), AecError); // 1280 pixels wide
});
