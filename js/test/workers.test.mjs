// Workers, and decoding of several files at once: nothing that goes wrong with one file reaches another.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { AecError, decode, decodeMany } from "../dist/index.js";
import { goldenFile, modelFile } from "./files.mjs";

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

test("a worker is sent a file and a model without the rest of their buffers", async () => {
  const posted = [];
  const thread = new Worker(new URL("../dist/worker.js", import.meta.url));
  const make = () => {
    return {
      postMessage: (message) => (posted.push(message.job?.data ?? message.bytes), thread.postMessage(message)),
      addEventListener: (type, listener) => thread.on(type, (data) => listener({ data })),
      terminate: () => thread.terminate(),
    };
  };
  const within = (bytes) => {
    const larger = Buffer.alloc(bytes.length + 1000);
    larger.set(bytes, 500);
    return larger.subarray(500, 500 + bytes.length);
  };
  const file = within(FILE);
  const models = () => within(modelFile("alphabet-3"));
  assert.equal((await decode(file, { worker: make, models })).width, 28);
  assert.deepEqual(
    posted.map(({ length, buffer }) => buffer.byteLength - length),
    [0, 0],
  );
  assert.deepEqual(new Uint8Array(file), FILE);
  await thread.terminate();
});
