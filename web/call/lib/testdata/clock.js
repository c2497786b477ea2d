/** A clock that goes when told to. */
export class FakeClock {
  constructor() {
    this.time = 1_000_000;
    this.timers = [];
  }

  now = () => this.time;

  after = (ms, call) => {
    const timer = { at: this.time + ms, call };
    this.timers.push(timer);
    return () => { this.timers = this.timers.filter((other) => other !== timer); };
  };

  run(ms) {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers.splice(this.timers.indexOf(next), 1);
      this.time = Math.max(this.time, next.at);
      next.call();
    }
    this.time = end;
  }
}
