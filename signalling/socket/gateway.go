package socket

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"meshfocus/signalling/message"
)

// Gateway is the websocket endpoint of all calls. Mount Handler and run Run.
//
// It owns the registry: which sockets there are, how many per address, and
// which holder has which seat. Its loop hands reports round and ends
// everything; sockets and seats have loops of their own (see the package
// comment).
//
// It ends with Run's context: new sockets are refused, those that are open get
// a close frame (1001), seats are closed as Returns, and Run returns when all
// of them have ended.
type Gateway struct {
	// set once
	config   Config
	log      *slog.Logger
	upgrader websocket.Upgrader
	base     context.Context // ends with Run
	stop     context.CancelFunc

	counts counts

	mu sync.Mutex // a leaf
	// guarded by mu
	closed   bool
	visitors visitors
	sockets  map[*connection]struct{}
	holders  map[*holder]struct{}
	seats    map[seatKey]*holder // of those that were opened, and of returning devices
	calls    map[string]int      // seats per call

	running sync.WaitGroup // sockets and holders; added to under mu
}

// seatKey names a device in a call.
type seatKey struct {
	call  string
	party message.Party
}

// New makes a gateway; it starts nothing.
func New(config Config) (*Gateway, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	g := &Gateway{
		config: config, log: config.Log,
		visitors: newVisitors(config),
		sockets:  map[*connection]struct{}{}, holders: map[*holder]struct{}{},
		seats: map[seatKey]*holder{}, calls: map[string]int{},
	}
	g.base, g.stop = context.WithCancel(context.Background())
	g.upgrader = websocket.Upgrader{
		HandshakeTimeout: config.HelloTimeout, Subprotocols: []string{Protocol},
		ReadBufferSize: 1024, WriteBufferSize: 4096, WriteBufferPool: &sync.Pool{},
		CheckOrigin: func(*http.Request) bool { return true }, // done before, with words
	}
	return g, nil
}

// Handler is the endpoint: it upgrades to a websocket or says in plain text why
// not.
func (g *Gateway) Handler() http.Handler { return http.HandlerFunc(g.serve) }

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case !websocket.IsWebSocketUpgrade(r):
		http.Error(w, "This is the address of a websocket for calls; the page that uses it is at /.", http.StatusUpgradeRequired)
		return
	case !g.allows(r):
		g.counts.wrongOrigin.Add(1)
		http.Error(w, "Pages of this origin may not connect here.", http.StatusForbidden)
		return
	case !slices.Contains(websocket.Subprotocols(r), Protocol):
		http.Error(w, "The subprotocol "+Protocol+" is spoken here.", http.StatusBadRequest)
		return
	}
	address := g.config.Address(r)
	refusal, open := g.admit(address)
	if !open {
		http.Error(w, "This server is stopping; please try again in a moment.", http.StatusServiceUnavailable)
		return
	}
	defer g.dismiss(address, refusal == nil)
	socket, err := g.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := newConnection(g, socket, address)
	if refusal != nil {
		c.refuse(refusal)
		return
	}
	g.run(c)
}

// allows reports whether a page of the request's origin may connect. Programs
// that are no browsers send none.
func (g *Gateway) allows(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	_, host, ok := strings.Cut(origin, "://")
	return ok && strings.EqualFold(host, r.Host) || slices.Contains(g.config.Origins, origin)
}

// admit counts a request in, or says why it is refused. After the end, which
// is when open is false, not even that is said on a socket.
func (g *Gateway) admit(address string) (refusal *Refusal, open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, false
	}
	if refusal = g.visitors.admit(address, time.Now()); refusal != nil {
		g.counts.refused.Add(1)
	}
	g.running.Add(1)
	return refusal, true
}

func (g *Gateway) dismiss(address string, admitted bool) {
	if admitted {
		g.mu.Lock()
		g.visitors.dismiss(address)
		g.mu.Unlock()
	}
	g.running.Done()
}

// run serves an admitted socket.
func (g *Gateway) run(c *connection) {
	g.mu.Lock()
	g.sockets[c] = struct{}{}
	if g.closed {
		c.end(closeAway, "the server stops")
	}
	g.mu.Unlock()
	g.counts.accepted.Add(1)
	c.serve()
	g.mu.Lock()
	delete(g.sockets, c)
	g.mu.Unlock()
}

// Run hands reports round until ctx ends; then it ends everything and returns
// nil. Call it once.
func (g *Gateway) Run(ctx context.Context) error {
	tick := time.NewTicker(g.config.ReportEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			g.close()
			g.running.Wait()
			return nil
		case <-tick.C:
			g.handReportsRound()
		}
	}
}

// close tells everybody that it is over.
func (g *Gateway) close() {
	g.mu.Lock()
	g.closed = true
	for c := range g.sockets {
		c.end(closeAway, "the server stops")
	}
	g.mu.Unlock()
	g.stop()
}

// seat finds or opens the seat that a hello asks for, and attaches the socket.
func (g *Gateway) seat(ctx context.Context, c *connection, hello *helloFrame) *Refusal {
	claim, proven := openSeat(hello.Seat, g.config.Key)
	if !proven || !claim.good(hello.Call, time.Now(), g.config.SeatLife) {
		claim, hello.Session = seatClaim{}, ""
	}
	for {
		h, mine, refusal := g.reserve(seatKey{hello.Call, claim.party})
		if refusal != nil {
			return refusal
		}
		if mine {
			g.open(ctx, h, Hello{Call: hello.Call, Name: hello.Name, Pass: hello.Pass, Party: claim.party, Address: c.address})
		}
		select {
		case <-h.opened:
		case <-ctx.Done():
			return asRefusal(ctx.Err())
		}
		if h.refusal != nil {
			return h.refusal
		}
		if h.attach(c, h.seat.Place(), hello.Session, hello.Got) {
			c.holder = h
			return nil
		}
		select { // it is being closed; the device is free after that
		case <-h.ended:
		case <-ctx.Done():
			return asRefusal(ctx.Err())
		}
	}
}

// reserve gives the holder of a device's seat, or a new one that the caller
// has to open. A new device has no holder yet.
func (g *Gateway) reserve(key seatKey) (h *holder, mine bool, refusal *Refusal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	returning := key.party != message.Party{}
	if h := g.seats[key]; returning && h != nil {
		return h, false, nil
	}
	switch {
	case g.closed:
		return nil, false, Refuse(CodeServerFull, "This server is stopping; please try again in a moment.").After(2 * time.Second)
	case len(g.holders) >= g.config.MaxSeats:
		return nil, false, Refuse(CodeServerFull, "This server has as many guests as it can hold; please try again later.").After(10 * time.Second)
	case g.calls[key.call] >= g.config.MaxPerCall:
		return nil, false, Refuse(CodeRoomFull, "This call is full.").After(10 * time.Second)
	}
	h = newHolder(g, key.call)
	g.holders[h] = struct{}{}
	g.calls[key.call]++
	if returning {
		g.seats[key] = h
	}
	return h, true, nil
}

// open opens the seat of a reserved holder and starts its loop.
func (g *Gateway) open(ctx context.Context, h *holder, hello Hello) {
	seat, err := g.config.Opener.Open(ctx, hello)
	if err != nil {
		h.refusal = asRefusal(err)
		if refusal := (*Refusal)(nil); !errors.As(err, &refusal) {
			g.log.Warn("a seat could not be opened", "call", hello.Call, "err", err)
		}
		g.forget(h, seatKey{hello.Call, hello.Party})
		close(h.opened)
		close(h.ended)
		return
	}
	place := seat.Place()
	h.seat, h.self, h.room = seat, place.Self, place.Room.ID
	h.until = time.Now().Add(g.config.Grace)
	h.log = g.log.With("party", h.self.String(), "room", h.room)
	key := seatKey{hello.Call, h.self}
	g.mu.Lock()
	g.seats[key] = h
	g.running.Add(1) // the caller's socket still counts, so that Wait waits
	g.mu.Unlock()
	g.counts.opened.Add(1)
	go func() {
		defer g.running.Done()
		h.run(g.base)
		g.forget(h, key)
		close(h.ended)
	}()
	close(h.opened)
}

// forget takes a holder out of the registry.
func (g *Gateway) forget(h *holder, key seatKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.holders, h)
	if g.seats[key] == h {
		delete(g.seats, key)
	}
	if g.calls[h.call]--; g.calls[h.call] == 0 {
		delete(g.calls, h.call)
	}
}

// newSession gives a session ID.
func newSession() string { return rand.Text()[:16] }
