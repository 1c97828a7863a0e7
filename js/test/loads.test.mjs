// Models while they are being loaded: each test has one that nothing in this process has loaded before.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { decode } from "../dist/index.js";
import { goldenFile, modelFile } from "./files.mjs";

const hangs = () => new Promise(() => {});

/** The width of a picture or the name of an error; "nothing" instead of waiting for ever. */
const fate = (promise) =>
  Promise.race([
    promise.then(
      ({ width }) => width,
      ({ name }) => name,
    ),
    after(20_000, "nothing", { ref: false }),
  ]);

test("a source that fails does not fail for others", async () => {
  const file = goldenFile("alphabet-3-q1-rans");
  const models = async () => {
    await after(100);
    throw new Error("it is not here");
  };
  assert.deepEqual(await Promise.all([fate(decode(file, { models })), fate(decode(file))]), ["UnknownModel", 28]);
});

test("a source that hangs can be given up, hangs for nobody else, and is asked again", async () => {
  const file = goldenFile("mnist-3-q1-rans");
  const control = new AbortController();
  let asked = 0;
  const models = () => (++asked === 1 ? hangs() : modelFile("mnist-3"));
  const first = fate(decode(file, { models, signal: control.signal }));
  await after(50);
  control.abort();
  assert.equal(await first, "AbortError");
  assert.equal(await fate(decode(file, { models })), 28);
  assert.equal(asked, 2);
  assert.equal(await fate(decode(file)), 28);
});

test("of callers with the same source, one may give up", async () => {
  const file = goldenFile("cifar-5-q1-rans");
  const control = new AbortController();
  let asked = 0;
  const models = async () => {
    asked++;
    await after(200);
    return modelFile("cifar-5");
  };
  const both = [fate(decode(file, { models, signal: control.signal })), fate(decode(file, { models }))];
  await after(50);
  control.abort();
  assert.deepEqual(await Promise.all(both), ["AbortError", 32]);
  assert.equal(asked, 1);
});

test("workers whose model hangs are free after they are aborted", async () => {
  const file = goldenFile("colour-70x5-rans");
  for (let round = 0; round < 2; round++) {
    const control = new AbortController();
    let asked = 0;
    const models = () => (asked++, hangs());
    const { signal } = control;
    const all = Array.from({ length: 6 }, () => fate(decode(file, { worker: true, models, signal })));
    while (!asked) await after(10);
    control.abort();
    assert.deepEqual(await Promise.all(all), Array(6).fill("AbortError"));
  }
  const all = Array.from({ length: 6 }, () => fate(decode(file, { worker: true })));
  assert.deepEqual(await Promise.all(all), Array(6).fill(70));
});
