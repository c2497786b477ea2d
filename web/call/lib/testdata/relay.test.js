import assert from "node:assert/strict";
import { test } from "node:test";
import { hostOf, Relays, relaySays } from "../relay.js";

const ONE = "turn:turn.example.org:3478?transport=udp", OTHER = "turns:other.example.org";
const only = (...urls) => new Relays({ iceServers: [{ urls: ["stun:stun.example.org", ...urls] }], iceTransportPolicy: "relay" });
const refused = (url, errorCode, errorText = "") => ({ url, errorCode, errorText });

test("of an address of a relay nothing but its host is told", () => {
  for (const [url, host] of [[ONE, "turn.example.org"], [OTHER, "other.example.org"], ["turn:[::1]:3478", "[::1]"], ["TURN://turn.example.org", "turn.example.org"],
    ["stun:stun.example.org", ""], ["", ""], [undefined, ""], ["https://example.org", ""]]) {
    assert.equal(hostOf(url), host, String(url));
  }
});

test("each code of a relay has words, and those that nobody knows too", () => {
  const said = new Set();
  for (const [code, text, words] of [
    [300, "", "sends elsewhere (300)"], [400, "", "does not understand what it is asked (400)"], [401, "Unauthorized", "refuses the name and password it was given (401)"],
    [403, "", "forbids its use (403)"], [420, "", "is none: it only tells addresses (420)"], [437, "", "mixes this connection up with an earlier one (437)"],
    [438, "", "calls the password out of date (438)"], [440, "", "has no address of the kind asked for (440)"], [442, "", "does not carry what is asked for (442)"],
    [486, "", "has given this user as much as one may have (486)"], [500, "", "has failed (500)"], [508, "", "has no room left (508)"],
    [701, "TURN allocate request timed out.", "does not answer"], [701, "TURN host lookup received error.", "has a name that cannot be looked up"], [599, "", "refuses its service (599)"],
  ]) {
    assert.equal(relaySays(code, text), words);
    said.add(words);
  }
  assert.equal(said.size, 15, "no two are said alike");
});

test("a relay that refuses is named at once, and leaves no way where it is the only one", () => {
  const relays = only(ONE);
  assert.equal(relays.words, "");
  relays.error(refused(ONE, 401));
  assert.equal(relays.words, "The relay turn.example.org refuses the name and password it was given (401). In this call media goes by a relay only.");
  assert.deepEqual([relays.stranded, relays.outdated], [true, true]);
  relays.error(refused(ONE, 701));
  assert.match(relays.words, /401/, "an address of ours from which it cannot be reached says less");
});

test("while one relay has not refused there is hope, and what an address of ours cannot reach says nothing yet", () => {
  const relays = only(ONE, OTHER);
  relays.error(refused(ONE, 486));
  relays.error(refused(OTHER, 701));
  assert.deepEqual([relays.stranded, relays.outdated], [false, false]);
  assert.doesNotMatch(relays.words, /other/);
  relays.told("works");
  relays.told("complete");
  assert.deepEqual([relays.stranded, relays.words], [false, ""]);
});

test("silence is told after a while, and is the end when the search is over", () => {
  const relays = only(ONE, OTHER);
  relays.error(refused(OTHER, 701));
  relays.told("late");
  assert.match(relays.words, /^The relay other.example.org does not answer. The relay turn.example.org does not answer. In/);
  assert.equal(relays.stranded, false);
  relays.told("complete");
  assert.equal(relays.stranded, true);
  const mute = only(ONE); // a browser without icecandidateerror
  mute.told("complete");
  assert.match(mute.words, /does not answer, or refuses/);
  assert.equal(mute.stranded, true);
});

test("where other ways are allowed nothing is lost, and STUN servers are no relays", () => {
  const relays = new Relays({ iceServers: [{ urls: ONE }] });
  relays.error(refused("stun:turn.example.org", 701));
  relays.told("complete");
  assert.equal(relays.words, "");
  relays.error(refused(ONE, 401));
  assert.equal(relays.words, "The relay turn.example.org refuses the name and password it was given (401).");
  assert.deepEqual([relays.stranded, relays.outdated], [false, true]);
  assert.equal(new Relays({ iceTransportPolicy: "relay" }).stranded, false, "without any relay it is no relay's fault");
});

test("others count from the next search on", () => {
  const relays = only(ONE);
  relays.error(refused(ONE, 401));
  relays.use({ iceServers: [{ urls: ONE }], iceTransportPolicy: "relay" });
  relays.error(refused(ONE, 401)); // of the search that still goes on
  relays.told("complete");
  assert.deepEqual([relays.words, relays.stranded, relays.outdated], ["", false, false]);
  relays.begin();
  relays.error(refused(ONE, 401));
  assert.equal(relays.stranded, true);
});
