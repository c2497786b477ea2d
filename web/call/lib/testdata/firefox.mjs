// Opens the page of the tests in Firefox by WebDriver BiDi, lets Anna and Ben meet with frames encrypted, and prints once a
// second, as a line of JSON, what they see. Argument: the address. It ends with its standard input.
import puppeteer from "../../../../internal/npm/node_modules/puppeteer-core/lib/puppeteer/puppeteer-core.js";

const [address] = process.argv.slice(2);
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const browser = await puppeteer.launch({
  browser: "firefox", executablePath: "/usr/bin/firefox-esr", headless: true,
  extraPrefsFirefox: {
    "media.navigator.streams.fake": true, "media.navigator.permission.disabled": true, "media.autoplay.default": 0,
    "media.peerconnection.ice.obfuscate_host_addresses": false, "media.peerconnection.ice.loopback": true,
  },
});
const page = await browser.newPage();
page.on("console", (message) => { if (["error", "assert", "warn"].includes(message.type())) say({ error: message.text() }); });
page.on("pageerror", (error) => say({ error: String(error) }));
await page.goto(address);
await page.waitForFunction("globalThis.enter !== undefined");
await page.evaluate(() => {
  globalThis.room.options.encryptFrames = true;
  return globalThis.enter("Anna").then(() => globalThis.enter("Ben"));
});
const timer = setInterval(async () => {
  say(await page.evaluate(() => ({
    agent: navigator.userAgent, parties: globalThis.parties.map(globalThis.describe),
    flows: ["anna", "ben"].every((name) => (globalThis.peer(globalThis[name])?.stats?.framesDecoded ?? 0) > 20 && globalThis.peer(globalThis[name]).words === ""),
  })).catch((error) => ({ error: String(error) })));
}, 1000);
process.stdin.resume().on("end", async () => {
  clearInterval(timer);
  await browser.close();
});
