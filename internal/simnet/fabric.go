package simnet

import (
	"fmt"
	"sync"
	"time"
)

// How a Plug behaves. The times are those of an ICE agent with the defaults
// of RFC 8445 and RFC 7675 as Pion has them: disconnected 5 s after the last
// packet, failed 25 s later.
const (
	connectAfter    = 20 * time.Millisecond
	disconnectAfter = 5 * time.Second
	failAfter       = 30 * time.Second
)

// PlugState is what a Plug tells its owner.
type PlugState uint8

// The states of a plug.
const (
	PlugConnected PlugState = iota + 1
	PlugDisconnected
	PlugFailed
)

// Fabric is the paths between named ends, on which plugs find each other.
type Fabric struct {
	mu    sync.Mutex // guards all below, and every field of its plugs
	cut   map[[2]string]bool
	plugs map[string]*Plug // by local credentials
	count int
	open  map[string]int // plugs of an end
	most  map[string]int
}

// NewFabric makes a fabric on which every end reaches every other.
func NewFabric() *Fabric {
	return &Fabric{
		cut: map[[2]string]bool{}, plugs: map[string]*Plug{}, open: map[string]int{}, most: map[string]int{},
	}
}

// Cut breaks the path between two ends, Heal mends it.
func (f *Fabric) Cut(a, b string) { f.set(a, b, true) }

// CutOneWay breaks the path in one direction: what a sends does not arrive,
// so that b notices and a does not.
func (f *Fabric) CutOneWay(a, b string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut[[2]string{b, a}] = true
	f.look()
}

// Heal mends what Cut broke.
func (f *Fabric) Heal(a, b string) { f.set(a, b, false) }

func (f *Fabric) set(a, b string, cut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut[[2]string{a, b}] = cut
	f.cut[[2]string{b, a}] = cut
	f.look()
}

// Most tells how many plugs were open at once between an end and another.
func (f *Fabric) Most(end, other string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.most[end+" "+other]
}

// Open counts the plugs that are open now.
func (f *Fabric) Open() (count int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.open {
		count += n
	}
	return count
}

// Plug is one end of a connection. It connects once both ends know each
// other's present credentials and the path is up.
type Plug struct {
	fabric     *Fabric
	end, other string
	tell       func(PlugState) // set once
	local      string
	remote     string
	connected  bool
	epoch      int
	closed     bool
}

// Plug makes a plug of one end towards another. States are told on goroutines
// of their own.
func (f *Fabric) Plug(end, other string, tell func(PlugState)) *Plug {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &Plug{fabric: f, end: end, other: other, tell: tell}
	key := end + " " + other
	f.open[key]++
	f.most[key] = max(f.most[key], f.open[key])
	return p
}

// Credentials gives the plug new local credentials and forgets the remote
// ones: the start of an exchange, or an ICE restart.
func (p *Plug) Credentials() string {
	f := p.fabric
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.plugs, p.local)
	f.count++
	p.local, p.remote = fmt.Sprintf("plug%d", f.count), ""
	if !p.closed {
		f.plugs[p.local] = p
	}
	return p.local
}

// Local gives the present credentials, empty before there are any.
func (p *Plug) Local() string {
	p.fabric.mu.Lock()
	defer p.fabric.mu.Unlock()
	return p.local
}

// Remote gives the other end's credentials as last set.
func (p *Plug) Remote() string {
	p.fabric.mu.Lock()
	defer p.fabric.mu.Unlock()
	return p.remote
}

// SetRemote tells the plug the other end's credentials.
func (p *Plug) SetRemote(credentials string) {
	f := p.fabric
	f.mu.Lock()
	defer f.mu.Unlock()
	p.remote = credentials
	f.look()
}

// Close takes the plug out; the other end notices in its own time.
func (p *Plug) Close() {
	f := p.fabric
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.epoch++
	delete(f.plugs, p.local)
	f.open[p.end+" "+p.other]--
	f.look()
}

// look compares what plugs know of each other and plans what they will notice.
// The caller holds mu.
func (f *Fabric) look() {
	for _, p := range f.plugs {
		way := f.way(p)
		if way == p.connected {
			continue
		}
		p.connected = way
		p.epoch++
		if way {
			p.later(connectAfter, PlugConnected)
			continue
		}
		p.later(disconnectAfter, PlugDisconnected)
		p.later(failAfter, PlugFailed)
	}
}

// way reports whether packets flow. During a restart the old way goes on
// until the new credentials are known on both sides.
func (f *Fabric) way(p *Plug) bool {
	o := f.plugs[p.remote]
	if f.cut[[2]string{p.end, p.other}] {
		return false
	}
	if p.remote == "" {
		return p.connected
	}
	if o == nil || o.closed {
		return false
	}
	return o.remote == p.local || o.remote == "" && p.connected
}

// later tells a state unless something else happens first. The caller holds mu.
func (p *Plug) later(after time.Duration, state PlugState) {
	epoch := p.epoch
	time.AfterFunc(after, func() {
		p.fabric.mu.Lock()
		due := p.epoch == epoch && !p.closed
		p.fabric.mu.Unlock()
		if due {
			p.tell(state)
		}
	})
}
