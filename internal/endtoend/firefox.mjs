// Opens the call page in Firefox by WebDriver BiDi, goes in as a person does, and prints once a second, as a line of JSON,
// what the page sees. Arguments: the address of the call, the name to go in by. It ends with its standard input.
import puppeteer from "../npm/node_modules/puppeteer-core/lib/puppeteer/puppeteer-core.js";

const [address, name] = process.argv.slice(2);
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const browser = await puppeteer.launch({
  browser: "firefox", executablePath: "/usr/bin/firefox-esr", headless: true,
  extraPrefsFirefox: {
    "media.navigator.streams.fake": true, "media.navigator.permission.disabled": true, "media.autoplay.default": 0,
    "media.peerconnection.ice.obfuscate_host_addresses": false,
  },
});
const page = await browser.newPage();
page.on("console", (message) => { if (["error", "assert"].includes(message.type())) say({ error: message.text() }); });
page.on("pageerror", (error) => say({ error: String(error) }));
await page.goto(address);
await page.locator("input[name=name]").fill(name);
await page.locator("button[type=submit]").click();
const timer = setInterval(async () => {
  const seen = await page.evaluate(() => {
    const call = globalThis.meshfocus?.call.snapshot();
    return {
      state: call?.state ?? "", agent: navigator.userAgent,
      peers: (call?.peers ?? []).map(({ key, name, state, words, via, stats }) => ({ key, name, state, words, via: via ?? {}, stats })),
    };
  }).catch((error) => ({ error: String(error) }));
  say(seen);
}, 1000);
process.stdin.resume().on("end", async () => {
  clearInterval(timer);
  await browser.close();
});
