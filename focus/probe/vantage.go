package probe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Bounds of a vantage. What it sends is smaller than the request that asked for
// it, so nothing is amplified.
const (
	challengeLife = 30 * time.Second
	mostGrants    = 256 // challenges given and not used, of everybody
	mostOfOne     = 8   // the same of one address
	mostBody      = 1 << 10
	leastToken    = 16
	mostToken     = 64
	leastPort     = 1024            // below are services that might answer nonsense; a media port may be 443
	dialPatience  = 4 * time.Second // a SYN, and others after one second and three
)

// vantagePrefix begins what a vantage sends, so that whoever gets it unasked
// can tell what it is.
const vantagePrefix = "meshfocus vantage "

// Vantage is an http.Handler for another machine: it knocks once at a port of
// whoever asks, so that they see whether their media port is open from outside.
// It is no reflector: it knocks only at the address that the request came from,
// once for each single-use challenge that this address has fetched (so that a
// web page cannot have its visitors ask), and a few times at once.
//
// GET answers {"challenge": "…", "address": "203.0.113.5", "networks": ["udp",
// "tcp"]}, where the address is the asker's. POST takes {"challenge": "…",
// "port": 40000, "token": "…", "network": "tcp"}, token being 16 to 64
// hexadecimal digits and network "udp" if it is missing, as application/json.
// By UDP it sends the datagram "meshfocus vantage TOKEN" and answers 204. By
// TCP it connects, writes the same, closes, and answers {"outcome": "…"}:
// "answered", "refused" or "silent". It answers 403 for a challenge that is
// unknown, used, older than 30 s or of another address, 429 when too many are
// open.
type Vantage struct {
	client func(*http.Request) netip.Addr
	now    func() time.Time

	mu     sync.Mutex
	grants map[string]grant // guarded by mu
}

type grant struct {
	address netip.Addr
	until   time.Time
}

// NewVantage makes a vantage. client says who asks, for a vantage behind a
// proxy whose word can be trusted; nil stands for the connection's address.
func NewVantage(client func(*http.Request) netip.Addr) *Vantage {
	if client == nil {
		client = connectionAddress
	}
	return &Vantage{client: client, now: time.Now, grants: map[string]grant{}}
}

func connectionAddress(r *http.Request) netip.Addr {
	at, _ := netip.ParseAddrPort(r.RemoteAddr)
	return at.Addr().Unmap().WithZone("")
}

// challengeReply, knockRequest and knockReply are the vantage's messages.
type challengeReply struct {
	Challenge string     `json:"challenge"`
	Address   netip.Addr `json:"address"`
	Networks  []string   `json:"networks"` // missing in vantages that send datagrams alone
}

type knockRequest struct {
	Challenge string `json:"challenge"`
	Port      int    `json:"port"`
	Token     string `json:"token"`
	Network   string `json:"network,omitempty"` // "tcp"; else "udp"
}

type knockReply struct {
	Outcome string `json:"outcome"`
}

// What came of connecting by TCP.
const (
	knockAnswered = "answered" // somebody took the connection
	knockRefused  = "refused"
	knockSilent   = "silent"
)

// ServeHTTP answers one request.
func (v *Vantage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address := v.client(r)
	switch {
	case !address.IsValid():
		http.Error(w, "whose request this is cannot be told", http.StatusBadRequest)
	case r.Method == http.MethodGet:
		v.challenge(w, address)
	case r.Method == http.MethodPost:
		v.knock(w, r, address)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "GET a challenge, POST it", http.StatusMethodNotAllowed)
	}
}

func (v *Vantage) challenge(w http.ResponseWriter, address netip.Addr) {
	challenge, ok := v.grant(address)
	if !ok {
		http.Error(w, "too many challenges are open; wait 30 s", http.StatusTooManyRequests)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(challengeReply{challenge, address, []string{"udp", "tcp"}})
}

func (v *Vantage) knock(w http.ResponseWriter, r *http.Request, address netip.Addr) {
	var request knockRequest
	body := http.MaxBytesReader(w, r.Body, mostBody)
	switch {
	case r.Header.Get("Content-Type") != "application/json": // pages of other origins cannot send it
		http.Error(w, "want application/json", http.StatusUnsupportedMediaType)
		return
	case json.NewDecoder(body).Decode(&request) != nil || !request.valid():
		http.Error(w, "want challenge, port (443, or 1024 and above), token (16 to 64 hexadecimal digits) and perhaps network (udp or tcp)", http.StatusBadRequest)
		return
	case !v.redeem(request.Challenge, address):
		http.Error(w, "no such challenge", http.StatusForbidden)
		return
	}
	to, text := netip.AddrPortFrom(address, uint16(request.Port)), vantagePrefix+request.Token
	if request.Network == "tcp" {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(knockReply{connect(r.Context(), to, text)})
		return
	}
	if err := sendDatagram(to, text); err != nil {
		http.Error(w, "the datagram could not be sent", http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (q knockRequest) valid() bool {
	_, err := hex.DecodeString(q.Token)
	return err == nil && len(q.Token) >= leastToken && len(q.Token) <= mostToken &&
		(q.Port == 443 || q.Port >= leastPort && q.Port <= 0xffff) &&
		(q.Network == "" || q.Network == "udp" || q.Network == "tcp")
}

// grant makes a challenge for an address.
func (v *Vantage) grant(address netip.Addr) (string, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now, ofOne := v.now(), 0
	for challenge, g := range v.grants {
		if !g.until.After(now) {
			delete(v.grants, challenge)
		} else if g.address == address {
			ofOne++
		}
	}
	if len(v.grants) >= mostGrants || ofOne >= mostOfOne {
		return "", false
	}
	challenge := rand.Text()
	v.grants[challenge] = grant{address, now.Add(challengeLife)}
	return challenge, true
}

// redeem uses a challenge up.
func (v *Vantage) redeem(challenge string, address netip.Addr) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	g, ok := v.grants[challenge]
	if !ok || g.address != address {
		return false
	}
	delete(v.grants, challenge)
	return g.until.After(v.now())
}

func sendDatagram(to netip.AddrPort, text string) error {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return fmt.Errorf("to %s: %w", to, err)
	}
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte(text))
	return err
}

// connect says what comes of it.
func connect(ctx context.Context, to netip.AddrPort, text string) string {
	conn, err := (&net.Dialer{Timeout: dialPatience}).DialContext(ctx, "tcp", to.String())
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return knockRefused
	case err != nil:
		return knockSilent
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetWriteDeadline(time.Now().Add(dialPatience))
	_, _ = conn.Write([]byte(text))
	return knockAnswered
}
