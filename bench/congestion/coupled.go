package congestion

import (
	"slices"
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// Coupled is a participant of a mesh: one flow for each peer, all through its one
// uplink. Blind leaves each flow to itself, as everybody else does.
type Coupled struct {
	Case
	Blind bool
}

// Coupleds gives the cases of one uplink: four peers, then one, then three.
func Coupleds() []Coupled {
	flow := func(from, to int, delay int) Flow {
		return Flow{
			Start: time.Duration(from) * time.Second, End: time.Duration(to) * time.Second,
			Least: 60 * unit.Kilobit, Most: 2500 * unit.Kilobit,
			Delay: discrete.Always(time.Duration(delay) * time.Millisecond),
		}
	}
	c := Case{
		Name: "coupled", About: "4, 1, 3 peers on one uplink of 2 Mbit/s", Length: 120 * time.Second,
		Forward: discrete.Path{
			Rates: discrete.Constant(2 * unit.Megabit), Queue: 300 * time.Millisecond,
			Delay: discrete.Always(25 * time.Millisecond), Jitter: 2 * time.Millisecond,
		},
		Back:   discrete.Path{Delay: discrete.Always(25 * time.Millisecond)},
		Judged: Window{0, 120 * time.Second},
		Flows: []Flow{
			flow(0, 120, 25), flow(0, 40, 10), flow(0, 40, 50), flow(0, 40, 100), flow(80, 120, 50), flow(80, 120, 15),
		},
	}
	blind := c
	blind.Name, blind.About = "coupled blind", "the same, each flow for itself"
	return []Coupled{{Case: c}, {Case: blind, Blind: true}}
}

// Varied gives the case with another schedule, as Case.Varied does.
func (c Coupled) Varied(seed uint64) Coupled {
	c.Case = c.Case.Varied(seed)
	return c
}

// CoupledGoals gives the demands on the coupled case. The blind one stands beside it, by
// the same metrics and with no demand.
func CoupledGoals() []Goal {
	goals := gather([]wants{{"coupled", []Goal{
		least(Utilisation, 0.95, 0.95), least(Fairness, 0.99, 0.99), most(Queue95, 40, open), most(SoundLoss, 0, open),
	}}})
	for _, g := range slices.Clone(goals) {
		g.Case, g.Median, g.Worst = "coupled blind", open, open
		goals = append(goals, g)
	}
	return goals
}

// Run plays the case.
func (c Coupled) Run(seed uint64) Result { return c.play(seed, false) }

// Observe plays the case as Run does and keeps the curves.
func (c Coupled) Observe(seed uint64) Result { return c.play(seed, true) }

func (c Coupled) play(seed uint64, curves bool) Result {
	maker := Maker(Ours)
	if !c.Blind {
		maker = (&uplink{shared: allocate.NewUplink()}).join
	}
	r := newRun(&c.Case, seed, maker)
	r.clock.Run(discrete.At(c.Length))
	result := r.measure()
	result.Figures[c.figure(&result)].Value = r.fairest()
	for i := range r.flows {
		if curves {
			result.Curves = append(result.Curves, r.curve(i))
		}
	}
	return result
}

// figure finds Jain's index, which is of flows that live as long.
func (c *Coupled) figure(r *Result) int {
	for i := range r.Figures {
		if r.Figures[i].Metric == Fairness {
			return i
		}
	}
	r.set(Fairness, 0)
	return len(r.Figures) - 1
}

// fairest gives the least of Jain's indices of the times between comings and goings,
// over the flows that live then, three seconds apart for settling.
func (r *run) fairest() float64 {
	knots := r.spec.knots()
	worst := 1.0
	for i := 1; i < len(knots); i++ {
		w := Window{knots[i-1] + settling, knots[i]}
		if w.To-w.From < settling || w.To > r.spec.Length {
			continue
		}
		var alive []*intake
		for k, f := range r.flows {
			if f.spec.Start <= knots[i-1] && f.spec.End >= knots[i] {
				alive = append(alive, newIntake(r.spec, &f.spec, r.ways(k)))
			}
		}
		if len(alive) > 1 {
			worst = min(worst, jain(alive, w))
		}
	}
	return worst
}

// uplink is what a participant knows of its own.
type uplink struct {
	shared  *allocate.Uplink
	peers   []*coupledPeer
	members []allocate.Member
	alive   []*coupledPeer
}

// coupledPeer is the path to one peer.
type coupledPeer struct {
	*ours
	key     uint64
	uplink  *uplink
	offered unit.Instant // when media came last
	given   unit.BitRate
}

// gone is after how long without sound a peer has left.
const gone = 200 * time.Millisecond

func (u *uplink) join(c Config, now unit.Instant) Controller {
	p := &coupledPeer{ours: Ours(c, now).(*ours), key: uint64(len(u.peers)), uplink: u}
	u.peers = append(u.peers, p)
	return p
}

// Offer takes media; with the first of it the peer is here.
func (p *coupledPeer) Offer(packet Packet, now unit.Instant) {
	came := now.Sub(p.offered) > gone
	p.offered = now
	if came {
		p.uplink.share(now)
	}
	p.ours.Offer(packet, now)
}

// Feedback lets the estimator hear, and all of them know.
func (p *coupledPeer) Feedback(rtcp []byte, now unit.Instant) {
	p.ours.Feedback(rtcp, now)
	p.uplink.share(now)
}

// Target is the share.
func (p *coupledPeer) Target(unit.Instant) unit.BitRate { return p.given - p.config.Sound }

// share hands the uplink out anew.
func (u *uplink) share(now unit.Instant) {
	u.members, u.alive = u.members[:0], u.alive[:0]
	for _, p := range u.peers {
		if p.offered == unit.Never || now.Sub(p.offered) > gone {
			continue
		}
		e := p.path.Estimate()
		u.alive = append(u.alive, p)
		u.members = append(u.members, allocate.Member{
			Key: p.key, Rate: e.Rate, Delivered: e.Delivered, Queue: e.Queue, RoundTrip: e.RoundTrip,
			Sound: p.config.Sound, Demand: p.config.Most + p.config.Sound, Weight: p.config.Weight,
		})
	}
	for i, rate := range u.shared.Share(u.members, now) {
		u.alive[i].given = rate
		u.alive[i].path.Couple(rate, u.shared.Sum(), now)
	}
}
