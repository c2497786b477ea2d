package guest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// inProcess carries requests to a handler of this process without a network,
// as the daemon does for the parties on its embedded homeserver: it spares each
// guest two or three connections, with their buffers and goroutines at both
// ends.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	inner := r.Clone(r.Context())
	inner.RequestURI, inner.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:0"
	if inner.Host == "" {
		inner.Host = r.URL.Host
	}
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	defer func() { _ = inner.Body.Close() }()
	written := &written{header: http.Header{}}
	defer func() {
		if reason := recover(); reason != nil { // as net/http does
			answer, err = nil, fmt.Errorf("%s %s: the handler failed: %v", r.Method, r.URL.Path, reason)
		}
	}()
	p.handler.ServeHTTP(written, inner)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return written.response(r), nil
}

// written is what a handler answers.
type written struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *written) Header() http.Header { return w.header }

func (w *written) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *written) Write(part []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(part)
}

func (w *written) response(r *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: fmt.Sprint(w.status, " ", http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}
}
