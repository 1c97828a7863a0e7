// Workers, and decoding of several files at once: nothing that goes wrong with one file reaches another.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { AecError, decode, decodeMany } from "../dist/index.js";
import { ROWS, goldenFile } from "./files.mjs";

const NAME = "alphabet-3-q1-rans";
const FILE = goldenFile(NAME);

/** What becomes of a promise, the name of its error included; tests must not wait for ever. */
const fate = (promise) =>
  Promise.race([promise.then(({ width }) => width, ({ name }) => name), after(10_000, "nothing", { ref: false })]);

test("a damaged file does not end the process while its successor is awaited", async () => {
  async function* slow() {
    yield FILE.subarray(0, -1);
    await after(1000);
    yield FILE;
  }
  await assert.rejects(async () => {
    for await (const picture of decodeMany(slow(), { worker: true })) assert.ok(picture);
  }, AecError);
});
