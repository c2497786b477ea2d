package door

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Leaver is a Forwarder that can let somebody go.
type Leaver interface {
	Leave(room, party string)
}

// streams is the room of those who come by WHIP and WHEP.
const streams = "streams"

// sessions is WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep-03) on top of a
// Forwarder: no trickling, no restarts, no tokens.
type sessions struct {
	forwarder Forwarder

	mu      sync.Mutex // guards what follows
	number  int        // of who came last
	streams map[string]string
	parties map[string]string // and the stream of who publishes it, "" of others
}

// routes adds the ways of sessions.
func (s *sessions) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /whip/{stream}", s.opened(s.publish))
	mux.HandleFunc("POST /whep/{stream}", s.opened(s.subscribe))
	mux.HandleFunc("DELETE /session/{party}", s.end)
}

// opened answers an offer with a session of its own.
func (s *sessions) opened(by func(ctx context.Context, party, stream, offer string) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") != "application/sdp" {
			http.Error(w, "an offer is application/sdp", http.StatusUnsupportedMediaType)
			return
		}
		offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longest))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		party := s.name()
		answer, err := by(r.Context(), party, r.PathValue("stream"), string(offer))
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		case answer == "":
			http.Error(w, "nobody publishes that", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Location", "/session/"+party)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer) // who has gone needs none
	}
}

func (s *sessions) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	return fmt.Sprintf("session%d", s.number)
}

// publish makes a stream that of a new party.
func (s *sessions) publish(ctx context.Context, party, stream, offer string) (string, error) {
	answer, err := s.forwarder.Publish(ctx, streams, party, offer)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.streams[stream], s.parties[party] = party, stream
	}
	return answer, err
}

// subscribe gives no answer where nobody publishes.
func (s *sessions) subscribe(ctx context.Context, party, stream, offer string) (string, error) {
	const largest = 2 // of a stream's layers
	s.mu.Lock()
	publisher := s.streams[stream]
	s.mu.Unlock()
	if publisher == "" {
		return "", nil
	}
	answer, err := s.forwarder.Subscribe(ctx, streams, party, []string{publisher}, largest, offer)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.parties[party] = ""
	}
	return answer, err
}

// end ends a session.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	party := r.PathValue("party")
	s.mu.Lock()
	stream, known := s.parties[party]
	delete(s.parties, party)
	if s.streams[stream] == party {
		delete(s.streams, stream)
	}
	s.mu.Unlock()
	if !known {
		http.Error(w, "there is no such session", http.StatusNotFound)
		return
	}
	if leaver, ok := s.forwarder.(Leaver); ok {
		leaver.Leave(streams, party)
	}
}
