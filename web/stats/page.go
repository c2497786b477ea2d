package stats

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

//go:embed page
var files embed.FS

// contentSecurityPolicy allows this page's own files and its own socket.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// maxViewers bounds the open sockets; more are told to use status.json.
const maxViewers = 100

// Page shows a Status to whoever looks. Make one with New, mount Handler and
// run Run; the status loop asks the source and hands the same picture to
// every viewer. Run ends with its context and closes all sockets.
type Page struct {
	source func() Status
	log    *slog.Logger
	socket websocket.Upgrader

	// guarded by mu
	mu      sync.Mutex
	viewers map[chan []byte]struct{}
	latest  []byte
	closed  bool
	writers sync.WaitGroup
}

// New makes a page that asks source for what to show. source is called by the
// status loop only, once a second while somebody looks.
func New(source func() Status, log *slog.Logger) *Page {
	return &Page{
		source:  source,
		log:     log,
		socket:  websocket.Upgrader{HandshakeTimeout: 5 * time.Second, ReadBufferSize: 1024, WriteBufferSize: 8192},
		viewers: map[chan []byte]struct{}{},
	}
}

// Run is the status loop. It returns when ctx ends and every viewer's socket
// is closed.
func (p *Page) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	p.publish()
	for {
		select {
		case <-ctx.Done():
			p.closeViewers()
			p.writers.Wait()
			return nil
		case <-tick.C:
			p.publish()
		}
	}
}

// publish hands a new picture to every viewer; one who has not taken the last
// one yet misses this one.
func (p *Page) publish() {
	body, err := json.Marshal(p.source())
	if err != nil {
		p.log.Error("status cannot be written", "err", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = body
	for viewer := range p.viewers {
		select {
		case viewer <- body:
		default:
		}
	}
}

// Handler serves the page at /status, its files below that, /status.json and
// the socket /status/feed.
func (p *Page) Handler() http.Handler {
	assets, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status.json", p.serveJSON)
	mux.HandleFunc("GET /status/feed", p.serveFeed)
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, assets, "index.html") })
	mux.Handle("GET /status/", http.StripPrefix("/status", http.FileServerFS(assets)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", contentSecurityPolicy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-cache")
		mux.ServeHTTP(w, r)
	})
}

func (p *Page) serveJSON(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	body := p.latest
	p.mu.Unlock()
	if body == nil {
		http.Error(w, "the daemon is starting; ask again in a second", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a viewer who has gone is no error of ours
}

// serveFeed is the writer of one viewer's socket; a second goroutine reads it
// so that closing is noticed.
func (p *Page) serveFeed(w http.ResponseWriter, r *http.Request) {
	viewer, ok := p.admit()
	if !ok {
		http.Error(w, "too many viewers; use /status.json", http.StatusServiceUnavailable)
		return
	}
	defer p.dismiss(viewer)
	conn, err := p.socket.Upgrade(w, r, nil) // checks the origin: same host only
	if err != nil {
		return // Upgrade has answered
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		conn.SetReadLimit(1024)
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	}()
	defer func() { _ = conn.Close(); <-gone }()
	for {
		select {
		case <-gone:
			return
		case body, open := <-viewer:
			deadline := time.Now().Add(5 * time.Second)
			if !open {
				goodbye := websocket.FormatCloseMessage(websocket.CloseGoingAway, "the daemon stops")
				_ = conn.WriteControl(websocket.CloseMessage, goodbye, deadline)
				return
			}
			if conn.SetWriteDeadline(deadline) != nil || conn.WriteMessage(websocket.TextMessage, body) != nil {
				return
			}
		}
	}
}

func (p *Page) admit() (chan []byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.viewers) >= maxViewers {
		return nil, false
	}
	viewer := make(chan []byte, 1)
	if p.latest != nil {
		viewer <- p.latest
	}
	p.viewers[viewer] = struct{}{}
	p.writers.Add(1)
	return viewer, true
}

func (p *Page) dismiss(viewer chan []byte) {
	p.mu.Lock()
	delete(p.viewers, viewer)
	p.mu.Unlock()
	p.writers.Done()
}

func (p *Page) closeViewers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for viewer := range p.viewers {
		close(viewer)
		delete(p.viewers, viewer)
	}
}
