/** A homeserver of a few lines for tests: keys, to-device messages, state. It behaves, and can be told to misbehave. */

export class World {
  /** @type {Map<string, any>} user → device → keys */
  keys = new Map();
  /** @type {Map<string, any[]>} */
  oneTime = new Map();
  /** @type {Map<string, any[]>} messages waiting, by user/device */
  mail = new Map();
  /** @type {Set<string>} */
  #txns = new Set();
  /** @type {Map<string, any>} "type|key" → content */
  state = new Map();
  /** @type {Map<string, any>} */
  delayed = new Map();
  /** @type {string[]} requests in order, "METHOD path" */
  log = [];
  /** Answers instead of the homeserver: gives [status, body] or nothing. @type {(line: string, body: any) => any} */
  meddle = () => undefined;
  /** @type {any[]} sticky events, told each time */
  sticky = [];
  /** @type {string[]} users whom everybody ignores */
  ignored = [];
  #count = 0;

  /** The fetch of one device. @param {string} user @param {string} device */
  fetch(user, device) {
    return /** @type {any} */ (async (/** @type {string} */ address, /** @type {any} */ init) => {
      const url = new URL(address);
      const path = url.pathname.replace("/_matrix/client/", "");
      const line = `${init.method} ${path}`;
      this.log.push(line);
      const body = init.body === undefined ? undefined : JSON.parse(init.body);
      const [status, answer] = this.meddle(line, body) ?? await this.#answer(line.split("/").map(decodeURIComponent), body, { user, device, delay: url.searchParams.get("org.matrix.msc4140.delay") });
      if (status === 0) throw new TypeError("network");
      return new Response(JSON.stringify(answer), { status });
    });
  }

  /** @param {string[]} path @param {any} body @param {any} who */
  #answer([start, ...rest], body, who) {
    const key = `${who.user}/${who.device}`;
    switch (`${start}/${rest.slice(0, 2).join("/")}`.replace(/\/$/, "")) {
      case "POST v3/keys/upload": return this.#upload(body, who, key);
      case "POST v3/keys/query": return [200, { device_keys: Object.fromEntries(Object.keys(body.device_keys).map((user) => [user, Object.fromEntries(this.keys.get(user) ?? [])])), master_keys: this.master ?? {}, self_signing_keys: this.selfSigning ?? {} }];
      case "POST v3/keys/claim": return [200, { failures: {}, one_time_keys: this.#claim(body.one_time_keys) }];
    }
    if (start === "GET v3" && rest[0] === "sync") return this.#sync(who);
    if (start === "GET v3" && rest[0] === "voip") return [200, {}];
    if (start === "PUT v3" && rest[0] === "sendToDevice") return this.#deliver(rest, body, who);
    if (rest[0] === "rooms") return this.#stateOf(start, rest, body, who);
    if (rest.includes("delayed_events")) return this.#manage(rest);
    return [404, { errcode: "M_UNRECOGNIZED" }];
  }

  /** @param {any} body @param {any} who @param {string} key */
  #upload(body, who, key) {
    if (body.device_keys) this.keys.set(who.user, (this.keys.get(who.user) ?? new Map()).set(who.device, body.device_keys));
    const held = this.oneTime.get(key) ?? [];
    held.push(...Object.entries(body.one_time_keys ?? {}));
    this.oneTime.set(key, held);
    return [200, { one_time_key_counts: { signed_curve25519: held.length } }];
  }

  /** @param {any} wanted */
  #claim(wanted) {
    return Object.fromEntries(Object.entries(wanted).map(([user, devices]) => [user, Object.fromEntries(Object.keys(devices).map((device) => {
      const key = (this.oneTime.get(`${user}/${device}`) ?? []).shift();
      return [device, key ? { [key[0]]: key[1] } : {}];
    }))]));
  }

  /** @param {string[]} path @param {any} body @param {any} who */
  #deliver([, type, txn], body, who) {
    if (!this.#txns.has(who.user + txn)) {
      this.#txns.add(who.user + txn);
      for (const [user, devices] of Object.entries(body.messages)) {
        for (const [device, content] of Object.entries(devices)) this.post(user, device, { type, sender: who.user, content });
      }
    }
    return [200, {}];
  }

  /** @param {string} user @param {string} device @param {any} event */
  post(user, device, event) {
    this.mail.set(`${user}/${device}`, [...(this.mail.get(`${user}/${device}`) ?? []), event]);
  }

  /** What sync would bring. @param {string} user @param {string} device */
  collect(user, device) {
    const toDevice = this.mail.get(`${user}/${device}`) ?? [];
    this.mail.delete(`${user}/${device}`);
    return { toDevice, changed: [], left: [], keyCounts: new Map([["signed_curve25519", (this.oneTime.get(`${user}/${device}`) ?? []).length]]), fallback: undefined };
  }

  /** The whole room each time, as if all were new; it answers after a moment, like a long poll. @param {any} who */
  async #sync(who) {
    await new Promise((done) => setTimeout(done, 5));
    const { toDevice, keyCounts } = this.collect(who.user, who.device);
    const events = [...this.state].map(([name, content]) => {
      const [type, state_key] = name.split("|");
      const sender = state_key.startsWith("@") ? state_key : state_key.startsWith("_@") ? state_key.slice(1).split("_")[0] : who.user;
      return { type, state_key, sender, event_id: `$${JSON.stringify([name, content])}`, origin_server_ts: 1, content };
    });
    return [200, {
      next_batch: `s${this.#count++}`, to_device: { events: toDevice }, device_one_time_keys_count: Object.fromEntries(keyCounts),
      account_data: { events: this.ignored.length ? [{ type: "m.ignored_user_list", content: { ignored_users: Object.fromEntries(this.ignored.map((user) => [user, {}])) } }] : [] },
      rooms: { join: { "!r": { timeline: { events }, msc4354_sticky: { events: this.sticky } } } },
    }];
  }

  /** @param {string} start @param {string[]} path @param {any} body @param {any} who */
  #stateOf(start, [, , , type, key], body, who) {
    const name = `${type}|${key}`;
    if (start.startsWith("GET")) return this.state.has(name) ? [200, this.state.get(name)] : [404, { errcode: "M_NOT_FOUND" }];
    if (who.delay) {
      const id = `d${this.#count++}`;
      this.delayed.set(id, { name, body });
      return [200, { delay_id: id }];
    }
    this.state.set(name, body);
    return [200, { event_id: `$${this.#count++}` }];
  }

  /** @param {string[]} path */
  #manage(path) {
    const [id, verb] = path.slice(path.indexOf("delayed_events") + 1);
    const event = this.delayed.get(id);
    if (!event) return [404, { errcode: "M_NOT_FOUND" }];
    if (verb !== "restart") this.delayed.delete(id);
    if (verb === "send") this.state.set(event.name, event.body);
    return [200, {}];
  }
}
