import assert from "node:assert/strict";
import { test } from "node:test";
import { Homeserver, MatrixError } from "../client.js";
import { StoreTrouble, isOfStore, persistently } from "../store.js";
import { Vault } from "../vault.js";
import { World } from "./testdata/world.js";

const LIBRARY = "../../../../internal/npm/node_modules/matrix-js-sdk-43/node_modules/@matrix-org/matrix-sdk-crypto-wasm/node.mjs";
const real = await import(LIBRARY);
await real.initAsync();

const ANN = { user_id: "@ann:s", device_id: "ANN" };
const ABORTED = "DomException AbortError (20): The connection was closed.";
const CLOSING = "DomException InvalidStateError (11): Failed to execute 'transaction' on 'IDBDatabase': The database connection is closing.";

test("a store that fails in passing is opened again, a few times, after growing pauses", async () => {
  for (const [why, failures, want] of /** @type {[string, number, number[]|null][]} */ ([
    [ABORTED, 2, [200, 600]], [CLOSING, 3, [200, 600, 1800]], ["DomException UnknownError (0): Internal error.", 1, [200]], [ABORTED, 4, null],
    ["DomException QuotaExceededError (22): no space", 1, null], ["DomException SecurityError (18): denied", 1, null], ["Version cannot be zero.", 1, null],
  ])) {
    let left = failures;
    /** @type {number[]} */
    const pauses = [];
    const opened = persistently(async () => { if (left-- > 0) throw new Error(why); return "open"; }, async (ms) => { pauses.push(ms); });
    if (!want) {
      await assert.rejects(opened, (/** @type {any} */ err) => err instanceof StoreTrouble && err.code === "no_store" && /disk is full/.test(err.words) && err.words === err.message);
      assert.ok(pauses.length === (why === ABORTED ? 3 : 0), why);
    } else assert.deepEqual([await opened, pauses], ["open", want], why);
  }
  await assert.rejects(persistently(async () => { throw new Error("the account in the store doesn't match"); }), /doesn't match/, "what is not the store's is nobody's here");
  assert.ok(!isOfStore(new MatrixError(504, "M_UNKNOWN", "AbortError")));
});

/** A library whose store can be broken: it then closes under the machine. The keys outlive that. @param {any} breaks */
function library(breaks) {
  /** @type {any} */
  let kept;
  const initialize = async (/** @type {any[]} */ ...args) => {
    breaks.opened = (breaks.opened ?? 0) + 1;
    if (breaks.open > 0 && breaks.open--) throw new Error(ABORTED);
    kept ??= await real.OlmMachine.initialize(args[0], args[1]);
    return new Proxy(kept, {
      get: (machine, name) => {
        if (name === "close") return () => { breaks.closed = (breaks.closed ?? 0) + 1; };
        const is = Reflect.get(machine, name);
        if (typeof is !== "function") return is;
        return (/** @type {any[]} */ ...more) => {
          if (breaks.use === name) { delete breaks.use; throw new Error(CLOSING); }
          return is.apply(machine, more);
        };
      },
    });
  };
  return { ...real, OlmMachine: { initialize } };
}

/** @param {World} world @param {any} breaks */
const open = (world, breaks) => Vault.open({ lib: library(breaks), homeserver: new Homeserver("https://h", { token: "t", fetch: world.fetch(ANN.user_id, ANN.device_id) }), self: ANN, store: "s" });

test("keys are opened though the store was away for a moment", async () => {
  const breaks = { open: 2, opened: 0 };
  const vault = await open(new World(), breaks);
  assert.equal(breaks.opened, 3);
  await vault.close();
});

test("what the store closed under is done again, and every message is taken once", async () => {
  const world = new World(), breaks = /** @type {any} */ ({});
  const vault = await open(world, breaks);
  const say = (/** @type {string} */ kind) => world.post(ANN.user_id, ANN.device_id, { type: `m.call.${kind}`, sender: "@bob:s", content: { device_id: "BOB" } });
  for (const broken of ["receiveSyncChanges", "outgoingRequests", "getDevice"]) {
    say("invite");
    say("candidates");
    const told = world.collect(ANN.user_id, ANN.device_id);
    breaks.use = broken;
    const taken = await vault.receive(told, () => "prefer");
    assert.deepEqual(taken.map(({ event }) => event), ["m.call.invite", "m.call.candidates"], broken);
  }
  assert.equal(vault.stats.clearTaken, 6);
  assert.deepEqual([breaks.opened, breaks.closed, breaks.use], [3, 2, "getDevice"], "clear text needs no device, the other two did");
});

test("while the store stays away that is said in words, and it goes on when it is back", async () => {
  const world = new World(), breaks = /** @type {any} */ ({});
  const vault = await open(world, breaks);
  Object.assign(breaks, { use: "receiveSyncChanges", open: 4 });
  const nothing = () => world.collect(ANN.user_id, ANN.device_id);
  await assert.rejects(vault.receive(nothing(), () => "prefer"), StoreTrouble);
  assert.deepEqual(await vault.receive(nothing(), () => "prefer"), []);
  assert.equal(breaks.closed, 1, "what is closed is not closed again");
});
