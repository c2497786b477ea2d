package mesh

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/signalling/homeserver"
)

// front is an embedded homeserver in memory behind a door that makes each request
// late by delay and counts to-device messages.
type front struct {
	server *homeserver.Server
	delay  time.Duration
	base   string // URL
	room   string // ID of the room that all meet in
	stop   func() // returns when all loops have ended

	// messages for one device each, and bytes of the requests that carried them.
	messages, bytes atomic.Uint64
}

// openFront starts a homeserver.
func openFront(delay time.Duration) (*front, error) {
	server, err := homeserver.New(homeserver.Config{ServerName: "bench.local"})
	if err != nil {
		return nil, err
	}
	f := &front{server: server, delay: delay}
	if err := server.EnsureUser("host", ""); err != nil {
		return nil, err
	}
	if f.room, err = server.EnsureRoom("bench", "Bench", "host", homeserver.PresetPublic); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f.base = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	web := &http.Server{Handler: f.handler(server.Handler())}
	var loops sync.WaitGroup
	loops.Go(func() { _ = server.Run(ctx) })
	loops.Go(func() { _ = web.Serve(listener) })
	f.stop = func() { cancel(); _ = web.Close(); loops.Wait() }
	return f, nil
}

// handler is the door.
func (f *front) handler(behind http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.delay > 0 {
			select {
			case <-time.After(f.delay):
			case <-r.Context().Done():
				return
			}
		}
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/sendToDevice/") {
			f.count(r)
		}
		behind.ServeHTTP(w, r)
	})
}

// count takes down what a request carries, and leaves it to be read again. A body
// that ends early is the homeserver's to refuse.
func (f *front) count(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var carried struct {
		Messages map[string]map[string]json.RawMessage `json:"messages"`
	}
	if json.Unmarshal(body, &carried) != nil {
		return
	}
	for _, devices := range carried.Messages {
		f.messages.Add(uint64(len(devices)))
	}
	f.bytes.Add(uint64(len(body)))
}
