// Package call serves the call page and the library behind it: the files of
// this folder, embedded, with the headers under which a browser runs them.
//
// It is not about calls: it knows no room, opens no socket and has no state.
// What the page talks to (the websocket, POST /call/new) is mounted beside it
// by the daemon.
//
// The page and the library are plain modules without a build step. They run
// under a Content-Security-Policy (CSP Level 3) that lets in nothing from
// elsewhere and nothing inline; the signed-in page, which talks to any
// homeserver and runs WebAssembly, has a policy of its own. Links are secrets,
// so no page sends a referrer.
//
// How it is driven: Handler, from any goroutine; it starts nothing.
package call

import (
	"net/http"
	"regexp"
	"strings"
)

// linkPath is the shape of a call's link: the lobby, or 128 bits in base32.
var linkPath = regexp.MustCompile(`^/c/(lobby|[a-z2-7]{26})$`)

// Content-Security-Policies. 'self' of connect-src covers the websocket of the
// same origin (CSP Level 3, section 6.7.2.8).
const (
	policyCommon = "default-src 'none'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; " +
		"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
	// Of scripts' addresses only that of the worker in which frames are
	// encrypted is given to the browser as a text (lib/framecryptor.js).
	policyGuest = policyCommon + "script-src 'self'; worker-src 'self'; connect-src 'self'; " +
		"require-trusted-types-for 'script'; trusted-types meshfocus-frames"
	policyAccount = policyCommon + "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
		"connect-src 'self' https: http://localhost:* http://127.0.0.1:*"
)

// permissions lets the page use what a call needs and nothing else that a
// browser would have to ask for.
const permissions = "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), " +
	"autoplay=(self), fullscreen=(self), picture-in-picture=(self), screen-wake-lock=(self), " +
	"geolocation=(), payment=(), usb=(), serial=(), midi=()"

// Handler serves the start page at /, the call page at /c/<call> (the same
// document), their files below /call/, and the signed-in page below /account/.
// It answers GET and HEAD.
func Handler() http.Handler { return newSite(files) }

// page names the document behind a path, "" when the path is no page's.
func page(path string) string {
	switch {
	case path == "/", linkPath.MatchString(path):
		return "index.html"
	case path == "/account/":
		return "account/index.html"
	}
	return ""
}

// ServeHTTP finds the file and says under which rules it runs.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	guard(w.Header(), r.URL.Path)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this address is only read: use GET", http.StatusMethodNotAllowed)
		return
	}
	if r.URL.Path == "/account" {
		http.Redirect(w, r, "/account/", http.StatusMovedPermanently)
		return
	}
	name := page(r.URL.Path)
	if name == "" {
		name = fileName(r.URL.Path)
	}
	if found := s.files[name]; found != nil {
		found.serve(w, r)
		return
	}
	http.Error(w, notThere(r.URL.Path), http.StatusNotFound)
}

// fileName is the embedded file of a path, "" when the path is not below one
// of the two folders.
func fileName(path string) string {
	if name, ok := strings.CutPrefix(path, "/call/"); ok && !strings.HasPrefix(name, "account/") {
		return name
	}
	if name, ok := strings.CutPrefix(path, "/account/"); ok {
		return "account/" + name
	}
	return ""
}

func notThere(path string) string {
	if strings.HasPrefix(path, "/c/") {
		return "This is not the link of a call. Such a link ends in 26 letters and digits; look whether it was copied whole. New calls begin at / of this server."
	}
	return "There is nothing here. The call page is at / of this server."
}

// guard sets the headers of every answer, refusals too.
func guard(h http.Header, path string) {
	h.Set("Content-Security-Policy", policyGuest)
	if strings.HasPrefix(path, "/account/") {
		h.Set("Content-Security-Policy", policyAccount)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", permissions)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
}
