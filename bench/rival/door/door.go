package door

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"net/url"
	"runtime"
	"strconv"
	"strings"
)

// longest is more than an offer of a hundred sections.
const longest = 1 << 20

// Forwarder is what stands behind the door. Both answer an offer; the context is
// that of the request.
type Forwarder interface {
	Publish(ctx context.Context, room, party, offer string) (answer string, err error)
	// layer is which of a publisher's layers is wanted, 0 the smallest.
	Subscribe(ctx context.Context, room, party string, from []string, layer int, offer string) (answer string, err error)
}

// Chooser is a Forwarder that can give a subscriber other layers, by publisher.
type Chooser interface {
	Choose(room, party string, layers map[string]int) error
}

// Usage is what a process says of itself.
type Usage struct {
	Allocations uint64 `json:"allocations"` // since its start
	Heap        uint64 `json:"heap"`        // bytes in use
	Goroutines  int    `json:"goroutines"`
	Collections uint32 `json:"collections"`
}

// Handler opens the door to a forwarder.
func Handler(f Forwarder) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /publish", answered(func(r *http.Request, q url.Values, offer string) (string, error) {
		return f.Publish(r.Context(), q.Get("room"), q.Get("party"), offer)
	}))
	mux.HandleFunc("POST /subscribe", answered(func(r *http.Request, q url.Values, offer string) (string, error) {
		layer, err := strconv.Atoi(cmp.Or(q.Get("layer"), "0"))
		if err != nil {
			return "", err
		}
		return f.Subscribe(r.Context(), q.Get("room"), q.Get("party"), q["from"], layer, offer)
	}))
	mux.HandleFunc("POST /choose", answered(func(_ *http.Request, q url.Values, _ string) (string, error) {
		chooser, ok := f.(Chooser)
		if !ok {
			return "", errors.New("there is one layer")
		}
		layers := make(map[string]int)
		for _, from := range q["from"] {
			layer, err := strconv.Atoi(q.Get("layer-" + from))
			if err != nil {
				return "", err
			}
			layers[from] = layer
		}
		return "", chooser.Choose(q.Get("room"), q.Get("party"), layers)
	}))
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(usage()) // who has gone needs no answer
	})
	(&sessions{forwarder: f, streams: make(map[string]string), parties: make(map[string]string)}).routes(mux)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	return mux
}

func answered(by func(*http.Request, url.Values, string) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longest))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := by(r, r.URL.Query(), string(offer))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/sdp")
		_, _ = io.WriteString(w, answer)
	}
}

func usage() Usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Usage{Allocations: m.Mallocs, Heap: m.HeapInuse + m.StackInuse, Goroutines: runtime.NumGoroutine(), Collections: m.NumGC}
}

// Client goes through the door at a URL such as http://10.0.0.1:8080.
type Client struct{ URL string }

// Publish sends an offer that publishes and gives the answer.
func (c Client) Publish(ctx context.Context, room, party, offer string) (string, error) {
	return c.post(ctx, "/publish?"+url.Values{"room": {room}, "party": {party}}.Encode(), offer)
}

// Subscribe sends an offer that subscribes to others and gives the answer.
func (c Client) Subscribe(ctx context.Context, room, party string, from []string, layer int, offer string) (string, error) {
	query := url.Values{"room": {room}, "party": {party}, "from": from, "layer": {strconv.Itoa(layer)}}
	return c.post(ctx, "/subscribe?"+query.Encode(), offer)
}

// Choose asks for other layers for one who subscribes, by publisher.
func (c Client) Choose(ctx context.Context, room, party string, layers map[string]int) error {
	query := url.Values{"room": {room}, "party": {party}}
	for from, layer := range layers {
		query.Add("from", from)
		query.Set("layer-"+from, strconv.Itoa(layer))
	}
	_, err := c.post(ctx, "/choose?"+query.Encode(), "")
	return err
}

// Usage asks what the process uses.
func (c Client) Usage(ctx context.Context) (u Usage, err error) {
	text, err := c.do(ctx, http.MethodGet, "/stats", "")
	if err != nil {
		return u, err
	}
	return u, json.Unmarshal([]byte(text), &u)
}

func (c Client) post(ctx context.Context, path, offer string) (string, error) {
	return c.do(ctx, http.MethodPost, path, offer)
}

func (c Client) do(ctx context.Context, method, path, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.URL+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, longest))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s: %s", path, response.Status, strings.TrimSpace(string(text)))
	}
	return string(text), nil
}
