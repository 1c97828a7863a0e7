// Whatever the bytes, a decoder gives a picture or an AecError, soon and in bounded memory.
// MUTATIONS=100000 npm test: as many damaged files as the release checklist asks for.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AecError,
  ChecksumMismatch,
  InvalidModelFile,
  LimitExceeded,
  TrailingBytes,
  TruncatedFile,
  UnknownModel,
  decode,
  inspect,
} from "../dist/index.js";
import { readModel } from "../dist/parts.js";
import {
  ROWS,
  bytesOf,
  changedHead,
  continued,
  damaged,
  goldenFile,
  marked,
  modelFile,
  randomNumbers,
  sha256,
  tableRows,
} from "./files.mjs";

const MUTATIONS = +(process.env.MUTATIONS ?? 4000);
const SMALL = 120; // bytes of a file: decoded in a millisecond or two
const MOST_PIXELS = 2 ** 16;
const SOON = 5000; // milliseconds, on a machine that does other things, too

test("a model is verified by its id", async () => {
  const ids = Object.fromEntries(tableRows(marked("models")).map(([, name, , , id]) => [name, id.replaceAll("`", "")]));
  const file = goldenFile("alphabet-3-q1-rans"); // the model has not been loaded in this process
  await assert.rejects(
    decode(file, { models: () => modelFile("mnist-3") }),
    new RegExp(`has the id ${ids["mnist-3"]} instead of ${ids["alphabet-3"]}`),
  );
  const picture = await decode(file, { models: ({ name }) => modelFile(name) });
  assert.equal(sha256(picture), ROWS["alphabet-3-q1-rans"].pixels);
});

test("every truncation of a file is an error", async () => {
  for (const name of ["small-rans", "small-zstd", "plain-palette", "lossless-digit", "plain-alpha"]) {
    const file = goldenFile(name);
    for (let length = 0; length < file.length; length++)
      await assert.rejects(decode(file.subarray(0, length)), AecError, `${name}, ${length}`);
  }
});

test("bytes after the end are an error", async () => {
  for (const name of Object.keys(ROWS).filter((name) => ROWS[name].file_bytes < 1000))
    await assert.rejects(decode(continued(goldenFile(name), [0])), AecError, name);
  await assert.rejects(
    decode(continued(goldenFile("small-rans"), [1, 2, 3, 4])),
    (e) => e instanceof TrailingBytes || e instanceof ChecksumMismatch,
  );
});

test(`${MUTATIONS} damaged files end in a picture or an AecError`, async () => {
  const files = Object.keys(ROWS)
    .filter((name) => ROWS[name].file_bytes <= SMALL)
    .map((name) => [name, goldenFile(name)]);
  const random = randomNumbers(7);
  const outcomes = {};
  for (let number = 0; number < MUTATIONS; number++) {
    const [name, file] = files[random(files.length)];
    const bytes = damaged(file, random);
    const begin = performance.now();
    let outcome = "picture";
    try {
      const picture = await decode(bytes, { maxPixels: MOST_PIXELS });
      assert.equal(picture.data.length, picture.width * picture.height * picture.channels);
      if (sha256(picture) === ROWS[name].pixels) outcome = "the same picture";
    } catch (error) {
      if (!(error instanceof AecError))
        throw new Error(`mutation ${number} of ${name}: ${Buffer.from(bytes).toString("hex")}`, { cause: error });
      outcome = error.name;
    }
    assert.ok(performance.now() - begin < SOON, `mutation ${number} of ${name} takes too long`);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  console.log(outcomes);
  const expected = [
    "ChecksumMismatch",
    "InvalidValue",
    "NotAnAecFile",
    "TrailingBytes",
    "TruncatedFile",
    "UnknownModel",
  ];
  for (const name of expected) assert.ok(outcomes[name], name);
});

test("a damaged model file is refused", () => {
  const file = modelFile("mnist-3");
  const random = randomNumbers(3);
  const id = readModel(file).id;
  for (let number = 0; number < 60; number++) {
    const bytes = damaged(file.subarray(), random);
    try {
      assert.notEqual(readModel(bytes).id, id, "a change that the id does not show");
    } catch (error) {
      const harmless = error instanceof assert.AssertionError; // the analysis, or a card
      if (!harmless && !(error instanceof InvalidModelFile)) throw error;
    }
  }
});

for (const [why, change] of Object.entries({
  "not JSON": (head) => head.replace("{", "["),
  "a name twice": (head) => head.replace('"shape":', '"dtype":"U8","shape":'),
  "an unknown dtype": (head) => head.replace('"U8"', '"U9"'),
  "an array with another name": (head) => head.replace('"step"', '"stem"'),
  "a description with a space": (head) => head.replace('\\"block\\":4', '\\"block\\": 4'),
  "another block": (head) => head.replace('\\"block\\":4', '\\"block\\":8'),
  "an unknown key": (head) => head.replace('\\"block\\":4', '\\"blocks\\":4'),
  "a shape that does not fit": (head) => head.replace(/("step":\{[^}]*"shape":\[)100/, "$1101"),
  "a shape that is not written as an integer": (head) => head.replace(/("step":\{[^}]*"shape":\[)100/, "$1100.0"),
  "no description": (head) => head.replace('"description"', '"descriptive"'),
}))
  test(`a model file is refused: ${why}`, () => {
    const file = changedHead(modelFile("mnist-3"), change);
    assert.notDeepEqual(file, modelFile("mnist-3"));
    assert.throws(() => readModel(file), InvalidModelFile);
  });

test("a head beyond 2^20 bytes is refused before it is parsed", () => {
  const bytes = new Uint8Array(2 ** 20 + 100).fill(0x20);
  bytes.set([1, 0, 0x10, 0, 0, 0, 0, 0]);
  assert.throws(() => readModel(bytes), /head of the model file does not fit/);
  assert.throws(() => readModel(Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255)), InvalidModelFile);
});

test("a model that cannot be loaded is an UnknownModel with a cause", async () => {
  const unknown = bytesOf("BF 10 4B 00 01 02 03 04 05 06 07 01 01");
  await assert.rejects(
    decode(unknown),
    (error) => error instanceof UnknownModel && error.message.includes("0001020304050607"),
  );
  const failing = () => Promise.reject(new Error("no network"));
  await assert.rejects(
    decode(unknown, { models: failing }),
    (error) => error instanceof UnknownModel && error.cause.message === "no network",
  );
  await assert.rejects(
    decode(unknown, { models: failing, worker: true }),
    (error) => error instanceof UnknownModel && error.cause.message === "no network",
  );
});

test("the size is limited before anything is allocated", async () => {
  await assert.rejects(decode(goldenFile("small-rans"), { maxPixels: 28 * 28 - 1 }), LimitExceeded);
  await decode(goldenFile("small-rans"), { maxPixels: 28 * 28 });
  const before = process.memoryUsage().arrayBuffers;
  const begin = performance.now();
  for (const hex of [
    "AE C0 DE 01 18 32 FF FF FF FF 0F FF FF FF FF 0F 00", // 2^32 x 2^32
    "AE C0 DE 01 18 B2 FF FF FF FF 0F 00 00", // a row of 2^32
    "AE C0 DE 01 15 32 00 FF FF FF 0F 00", // a column: its tiles hold 28 times its pixels
    "AE C0 DE 01 3F E4 FF FF FF FF 0F 00 00 01 00 00 00 00 00",
  ])
    await assert.rejects(decode(bytesOf(hex)), LimitExceeded, hex);
  assert.ok(performance.now() - begin < SOON && process.memoryUsage().arrayBuffers - before < 2 ** 24);
});

test("a small file that lies about its size is refused without a picture of that size", async () => {
  const before = process.memoryUsage().arrayBuffers;
  for (const hex of [
    "AE C0 DE 01 3F E4 FF 3F FF 3F 00 01 00 00 00 00 00", // constant, with a wrong checksum
    "AE C0 DE 01 3F E4 FF 3F FF 3F 00 02 00 00 01 00 00 00 00 00 00", // differences in an empty frame
    "AE C0 DE 01 18 B2 FF 3F FF 3F 01 01", // panels that are not there
  ])
    await assert.rejects(
      decode(bytesOf(hex)),
      (error) => error instanceof AecError && !(error instanceof LimitExceeded),
    );
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 26);
});

test("a signal ends decoding with its reason", async () => {
  for (const worker of [false, true]) {
    const reason = new Error("enough");
    await assert.rejects(
      decode(goldenFile("small-rans"), { worker, signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    const control = new AbortController();
    const decoding = decode(goldenFile("lossless-panels"), { worker, signal: control.signal });
    setTimeout(() => control.abort(reason), 1);
    await assert.rejects(decoding, (error) => error === reason);
    assert.equal(sha256(await decode(goldenFile("small-rans"), { worker })), ROWS["small-rans"].pixels);
  }
});

test("a signal that comes too late ends nothing else", async () => {
  const late = new AbortController();
  await decode(goldenFile("small-rans"), { worker: true, signal: late.signal });
  const decoding = decode(goldenFile("lossless-panels"), { worker: true });
  setTimeout(() => late.abort(), 1);
  assert.equal(sha256(await decoding), ROWS["lossless-panels"].pixels);
});

test("errors of workers are of the same classes", async () => {
  await assert.rejects(decode(goldenFile("small-zstd").subarray(0, 12), { worker: true }), AecError);
  await assert.rejects(decode(Uint8Array.of(), { worker: true }), TruncatedFile);
});
