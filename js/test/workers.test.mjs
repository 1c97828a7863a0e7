// Workers, and decoding of several files at once: nothing that goes wrong with one file reaches another.

import assert from "node:assert/strict";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { AecError, decode, decodeMany } from "../dist/index.js";
import { goldenFile, modelFile } from "./files.mjs";

const worker_threads = createRequire(import.meta.url)("node:worker_threads");
const threads = []; // all that are started
class Worker extends worker_threads.Worker {
  constructor(...given) {
    super(...given);
    threads.push(this);
  }
}
worker_threads.Worker = Worker;
syncBuiltinESMExports();

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

test("workers that end while they are idle are replaced", async () => {
  for await (const picture of decodeMany(Array(8).fill(FILE), { worker: true })) assert.equal(picture.width, 28);
  const before = threads.length;
  await Promise.all(threads.map((thread) => thread.terminate()));
  for await (const picture of decodeMany(Array(8).fill(FILE), { worker: true })) assert.equal(picture.width, 28);
  assert.ok(threads.length > before);
});

test("a worker that ends within a task is an error, and is replaced", async () => {
  let ended;
  const models = () => {
    ended = Promise.all(threads.map((thread) => thread.terminate()));
    return new Promise(() => {});
  };
  const file = goldenFile("mnist-3-q1-rans");
  await assert.rejects(decode(file, { worker: true, models }), { name: "LimitExceeded", message: /it ended with/ });
  await ended; // of the others, too: one that is about to end may be given a task
  assert.equal((await decode(file, { worker: true })).width, 28);
});

for (const type of ["error", "messageerror"])
  test(`a worker of the browser dies of the event ${type}, idle or not`, async () => {
    const heard = [];
    const started = [];
    const make = () => {
      const thread = new Worker(new URL("../dist/worker.js", import.meta.url));
      started.push(thread);
      return {
        postMessage: (message) => thread.postMessage(message),
        addEventListener: (name, listener) => {
          if (name === type) heard.push(listener);
          else thread.on(name, (data) => listener({ data }));
        },
        terminate: () => thread.terminate(),
      };
    };
    const file = goldenFile("mnist-3-q1-rans");
    assert.equal((await decode(file, { worker: make })).width, 28);
    heard[0]({});
    assert.equal((await decode(file, { worker: make })).width, 28);
    assert.equal(started.length, 2);
    const models = () => (heard[2]({}), new Promise(() => {}));
    heard[1]({});
    await assert.rejects(decode(file, { worker: make, models }), { name: "LimitExceeded" });
    await Promise.all(started.map((thread) => thread.terminate()));
  });
