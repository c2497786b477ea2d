package main

import (
	"net/http"
	"strings"

	"meshfocus/web/call"
)

// handler puts everything under one address (docs/protocol.md). The
// homeserver comes first and by prefix: its paths hold escaped slashes, which
// a ServeMux would clean.
func (d *daemon) handler() http.Handler {
	pages := http.NewServeMux()
	pages.Handle("/", call.Handler())
	pages.Handle("/call/socket", d.gateway.Handler())
	pages.Handle("/call/new", d.newCall)
	pages.HandleFunc("GET /metrics", d.serveMetrics)
	status := d.page.Handler()
	for _, path := range []string{"/status", "/status/", "/status.json"} {
		pages.Handle(path, status)
	}
	if d.upstream != nil { // which judges for itself whom to trust
		return inFrontOf(d.upstream.Handler(), behindProxies(d.trusted, pages))
	}
	matrixAPI := d.homeserver.Handler()
	return behindProxies(d.trusted, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_matrix/") || strings.HasPrefix(r.URL.Path, "/.well-known/matrix/") {
			matrixAPI.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	}))
}
