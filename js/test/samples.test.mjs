// The lossless stage of a model, against samples.json: residuals, classes, payloads and samples as the Python package
// has them, for two models of random weights.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { AecError, ChecksumMismatch, InvalidModelFile, InvalidValue, TruncatedFile } from "../dist/index.js";
import {
  LOSSLESS,
  NEAR_LOSSLESS,
  PanelWalk,
  ScalarEngine,
  WasmEngine,
  decodeSamples,
  readModel,
} from "../dist/parts.js";
import { changedHead, continued, damaged, randomNumbers } from "./files.mjs";

const bytesOf = (base64) => new Uint8Array(Buffer.from(base64, "base64"));
const { models, cases } = JSON.parse(readFileSync(new URL("samples.json", import.meta.url), "utf8"));
const MODELS = Object.fromEntries(Object.entries(models).map(([name, file]) => [name, readModel(bytesOf(file))]));
const ENGINES = [await WasmEngine.create(), new ScalarEngine()];
const LARGER = cases.find(({ name }) => name === "grid, waves, 13x11, N = 2");

function decoded(each, { engine = ENGINES[0], payload = bytesOf(each.payload), model = MODELS[each.model], ...rest }) {
  const { height, width, channels, seed, small, maxError } = each;
  const quality = maxError ? NEAR_LOSSLESS : LOSSLESS;
  const picture = { height, width, channels, quality, small, seed, ...rest };
  return decodeSamples(model, engine, picture, payload, async () => {});
}

test("there are pictures of one panel and of several", () => {
  assert.ok(cases.length > 30);
  assert.equal(cases.filter(({ residuals }) => !residuals).length, 4);
});

for (const each of cases)
  for (const engine of ENGINES) {
    test(`${each.name}: the payload decodes to its samples with ${engine.name}`, async () => {
      assert.deepEqual(await decoded(each, { engine }), bytesOf(each.samples));
    });

    if (!each.residuals) continue;
    test(`${each.name}: residuals lead to the classes of the next ones with ${engine.name}`, () => {
      const [classes, residuals] = [[], new Int32Array(bytesOf(each.residuals).buffer)];
      const model = MODELS[each.model];
      const walk = new PanelWalk(model, model.lossless, engine, each, each.channels, each.maxError);
      walk.decode((found) => {
        classes.push(...found);
        return residuals.subarray(classes.length - found.length, classes.length);
      });
      assert.deepEqual(Uint8Array.from(classes), bytesOf(each.classes));
    });
  }

test("every truncation of a payload is an error, and so is a byte after its end", async () => {
  // In the small form the check of the file notices, of which the payload has only four bits.
  for (const each of cases.filter(({ payload, small }) => payload.length < 1000 && !small)) {
    const payload = bytesOf(each.payload);
    for (let length = 0; length < payload.length; length++)
      await assert.rejects(decoded(each, { payload: payload.subarray(0, length) }), AecError, each.name);
    await assert.rejects(decoded(each, { payload: continued(payload, [0]) }), AecError, each.name);
  }
});

test("damaged payloads end in an AecError, or in a picture of the right size", async () => {
  const random = randomNumbers(9);
  let refused = 0;
  for (let number = 0; number < 300; number++) {
    const payload = damaged(bytesOf(LARGER.payload), random);
    try {
      assert.equal((await decoded(LARGER, { payload })).length, 13 * 11 * 3);
    } catch (error) {
      if (!(error instanceof AecError)) throw error;
      refused++;
    }
  }
  assert.ok(refused > 250);
});

test("the checksum covers the header and what the payload decodes to", async () => {
  for (const each of cases.filter((each) => each.small || each === LARGER))
    await assert.rejects(decoded(each, { seed: each.seed ^ 1 }), ChecksumMismatch);
});

test("a largest error is there, and not 0", async () => {
  await assert.rejects(decoded(LARGER, { payload: Uint8Array.of() }), TruncatedFile);
  const payload = bytesOf(LARGER.payload);
  payload[0] = 0;
  await assert.rejects(decoded(LARGER, { payload }), InvalidValue);
});

test("a model without a lossless stage is refused", async () => {
  const model = { ...MODELS.grid, lossless: null };
  await assert.rejects(decoded(LARGER, { model }), InvalidValue);
});

for (const [why, from, to, said] of [
  ["a window that is too wide", '\\"reach\\":3', '\\"reach\\":5', "the windows"],
  ["a linear window that is too narrow", '\\"linear_reach\\":2', '\\"linear_reach\\":1', "the windows"],
  ["a linear window that is wider than the other", '\\"linear_reach\\":2', '\\"linear_reach\\":4', "the windows"],
  ["a channel twice", '\\"order\\":[2,1,0]', '\\"order\\":[2,1,1]', "the order"],
  ["a channel that does not exist", '\\"order\\":[2,1,0]', '\\"order\\":[2,1,3]', "the order"],
  ["a channel too few", '\\"order\\":[2,1,0]', '\\"order\\":[1,0]', "the order"],
  ["a missing key", '\\"trunk\\"', '\\"trunks\\"', "a key is missing"],
  ["no trunk", /(\\"trunk\\":)\[.*?\]/, "$1[]", "the networks"],
  ["a network too few", /(\\"heads\\":\[)\[.*?\],/, "$1", "the networks"],
  ["a kernel of 3", /(\\"trunk\\":\[\{\\"add\\":null,\\"kernel\\":)1/, "$13", "a kernel"],
  ["an output too many", /(\\"heads\\":\[\[.*?\},\{.*?\\"units\\":)2/, "$13", "the outputs"],
  ["another reach than that of the arrays", '\\"reach\\":3', '\\"reach\\":4', "lossless.trunk.0.weight"],
  ["an array with another name", '"lossless.offset"', '"lossless.offsed"', "lossless.offset"],
])
  test(`a model file is refused: ${why}`, () => {
    const changed = changedHead(bytesOf(models.grid), (head) => head.replace(from, to));
    assert.throws(
      () => readModel(changed),
      (error) => error instanceof InvalidModelFile && error.message.includes(said),
    );
  });
