package remote

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"meshfocus/bench/call"
	"meshfocus/bench/offset"
	"meshfocus/bench/scenario"
)

const (
	// longest is more than any order or reading is, in bytes.
	longest = 1 << 20
	// waiting are readings that nobody has taken yet.
	waiting = 64
)

// Config says what a Server may do.
type Config struct {
	// Token is what orders have to come with; not "".
	Token string
	// Most subscribers of an order.
	Most int
	// Program says what this is.
	Program string
	// Permit says why a server at a host may not be sent a scenario, if so. It is not asked
	// about the host that gives the order.
	Permit func(s scenario.Scenario, host string) error
	// Address gives that of parties, from which a host is reached.
	Address func(host string) (netip.Addr, error)
	// Clock is as in party.Config.
	Clock offset.Clock
}

// Server carries out orders, one at a time. It is an HTTP handler.
type Server struct {
	config Config
	mux    http.ServeMux

	mu       sync.Mutex
	readings chan offset.Reading // of the round under way, guarded by mu
}

// New gives one.
func New(c Config) *Server {
	s := &Server{config: c}
	s.mux.HandleFunc("GET /party", s.greet)
	s.mux.HandleFunc("POST /party/permit", s.permit)
	s.mux.HandleFunc("POST /party/round", s.round)
	s.mux.HandleFunc("POST /party/reading", s.reading)
	return s
}

// ServeHTTP lets in who has the token.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if s.config.Token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(s.config.Token)) != 1 {
		http.Error(w, "the token is refused: --subscribers-token has to be the one of meshbench party", http.StatusUnauthorized)
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) greet(w http.ResponseWriter, _ *http.Request) {
	answer(w, greeting{version, s.config.Program, s.config.Most})
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // who does not take it is gone
}

// take reads what a request says, and answers it if that is nothing.
func take(w http.ResponseWriter, r *http.Request, value any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, longest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		http.Error(w, "it cannot be read: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// permit says whether a wish would be granted.
func (s *Server) permit(w http.ResponseWriter, r *http.Request) {
	var asked wish
	if !take(w, r, &asked) {
		return
	}
	wanted := scenario.Scenario{Name: asked.Scenario, Kind: scenario.Call, Publishers: asked.Publishers, Subscribers: asked.Subscribers}
	if err := s.permitted(r, wanted, asked.Host); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// permitted says whether who asks may have a scenario sent to a host: to its own, or to
// one that we may load.
func (s *Server) permitted(r *http.Request, wanted scenario.Scenario, host string) error {
	giver, err := netip.ParseAddrPort(r.RemoteAddr)
	if own, wrong := netip.ParseAddr(host); err == nil && wrong == nil && own.Unmap() == giver.Addr().Unmap() {
		return nil
	}
	return s.config.Permit(wanted, host)
}

// round carries an order out.
func (s *Server) round(w http.ResponseWriter, r *http.Request) {
	var o Order
	if !take(w, r, &o) {
		return
	}
	err := o.check(s.config.Most)
	var address netip.Addr
	if err == nil {
		host, _ := o.Reach.Host() // was checked
		if err := s.permitted(r, o.config().Scenario, host); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		address, err = s.config.Address(host)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	readings, free := s.occupy()
	if !free {
		http.Error(w, "another round is under way", http.StatusConflict)
		return
	}
	defer s.leave()
	readings <- o.First
	w.Header().Set("Content-Type", "application/jsonl")
	t := &teller{out: w}
	c := o.config()
	c.Address, c.Readings, c.Clock = address, readings, s.config.Clock
	c.Tell = func(e call.Event) { t.say(word{Event: &e}) }
	round := call.Run(r.Context(), c)
	t.say(word{Round: &round})
}

// teller sends words as they come.
type teller struct {
	mu  sync.Mutex // guards out
	out http.ResponseWriter
}

func (t *teller) say(w word) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = json.NewEncoder(t.out).Encode(w) // who does not take it is gone
	_ = http.NewResponseController(t.out).Flush()
}

// occupy begins a round, if none is under way.
func (s *Server) occupy() (readings chan offset.Reading, free bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readings != nil {
		return nil, false
	}
	s.readings = make(chan offset.Reading, waiting)
	return s.readings, true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readings = nil
}

// reading passes a reading on to the round under way.
func (s *Server) reading(w http.ResponseWriter, r *http.Request) {
	var reading offset.Reading
	if !take(w, r, &reading) {
		return
	}
	if err := s.pass(reading); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) pass(reading offset.Reading) error {
	if !plausible(reading) {
		return errors.New("this is no reading of a clock")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readings == nil {
		return errors.New("no round is under way")
	}
	select {
	case s.readings <- reading:
		return nil
	default:
		return errors.New("too many readings")
	}
}
