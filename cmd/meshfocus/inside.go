package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// insideURL is the homeserver's address for parties of this process. It is no
// address of any network: requests to it end in the handler.
const insideURL = "http://homeserver.inside"

// inside carries the requests of our own parties to a handler of this process,
// without sockets: it works whatever the listener speaks, and a waiting party
// costs one goroutine and no buffers. The handler runs on the caller's
// goroutine and has to end when the request's context does.
type inside struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (i inside) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	served := r.Clone(r.Context())
	served.RequestURI, served.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:0"
	served.Proto, served.ProtoMajor, served.ProtoMinor = "HTTP/1.1", 1, 1
	if served.Host == "" {
		served.Host = r.URL.Host
	}
	if served.Body == nil {
		served.Body = http.NoBody
	}
	defer func() { err = errors.Join(err, served.Body.Close()) }()
	w := &written{header: http.Header{}}
	if err := serveOne(i.handler, w, served); err != nil {
		return nil, err
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.response(r), nil
}

// serveOne serves one request; a handler that gives up does so for this request
// only, as with http.Server.
func serveOne(handler http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the handler of %s gave up: %v", r.URL.Path, fault)
		}
	}()
	handler.ServeHTTP(w, r)
	return nil
}

// written is the answer as it is being written.
type written struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

func (w *written) Header() http.Header { return w.header }

func (w *written) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *written) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *written) response(r *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: fmt.Sprint(w.status, " ", http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}
}
