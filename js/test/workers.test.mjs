// Workers, and decoding of several files at once: nothing that goes wrong with one file reaches another.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { AecError, decodeMany } from "../dist/index.js";
import { goldenFile } from "./files.mjs";

const FILE = goldenFile("alphabet-3-q1-rans");

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
