package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// newTransport has no time limit for answers, because long polls have none,
// and decodes nothing.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		DisableCompression: true, MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// passing is what is known of a request on its way to the homeserver, for
// when its answer comes back.
type passing struct {
	at     target
	has    abilities // of the endpoints that we add to
	known  bool      // has is known
	token  string
	assert string
	user   string // of logoutAll
}

type passingKey struct{}

// pass hands a request to the homeserver.
func (s *Server) pass(w http.ResponseWriter, r *http.Request, at target) {
	p := passing{at: at, token: accessToken(r), assert: assertion(r.URL.Query())}
	switch at.endpoint {
	case versions, capabilities, wellKnown:
		has, err := s.homeserver.abilities(r.Context())
		p.has, p.known = has, err == nil
	case logoutAll: // afterwards nobody could say whose it was
		if who, err := s.homeserver.who(r.Context(), p.token, p.assert); err == nil {
			p.user = who.user
		}
	}
	if (at.endpoint == logout || at.endpoint == logoutAll) && r.Method == http.MethodPost {
		s.leaveCalls(r.Context(), p)
	}
	// An answer may begin before the request has ended; not every writer can.
	_ = http.NewResponseController(w).EnableFullDuplex()
	s.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), passingKey{}, p)))
}

func (s *Server) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: s.rewrite, ModifyResponse: s.seeAnswer, Transport: s.transport,
		FlushInterval: -1, ErrorHandler: s.unanswered, BufferPool: &buffers{},
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// buffers lends the memory that bodies are copied by.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10 // bytes, as io.Copy has

// Get is for the proxy only.
func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buffer[:]
	}
	return make([]byte, bufferSize)
}

// Put is for the proxy only.
func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }

// rewrite aims a request at the homeserver and changes nothing else, but for
// the answers we add to, which have to come plain and whole.
func (s *Server) rewrite(pr *httputil.ProxyRequest) {
	base := s.homeserver.base
	pr.Out.URL.Scheme, pr.Out.URL.Host = base.Scheme, base.Host
	pr.Out.URL.RawPath = trimSlash(base.EscapedPath()) + pr.In.URL.EscapedPath()
	pr.Out.URL.Path = trimSlash(base.Path) + pr.In.URL.Path
	pr.Out.URL.RawQuery, pr.Out.URL.ForceQuery = pr.In.URL.RawQuery, pr.In.URL.ForceQuery
	pr.Out.Trailer = pr.In.Trailer // the same map: it is filled behind the body
	s.forwardedFor(pr)
	if p, _ := pr.In.Context().Value(passingKey{}).(passing); p.merges() {
		for _, name := range []string{"Accept-Encoding", "If-None-Match", "If-Modified-Since", "Range"} {
			pr.Out.Header.Del(name)
		}
	}
}

// forwardedHeaders say who is behind a proxy.
var forwardedHeaders = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port"}

// forwardedFor keeps what a trusted proxy says and adds the proxy; what others
// say of themselves is replaced, because homeservers believe it.
func (s *Server) forwardedFor(pr *httputil.ProxyRequest) {
	for _, name := range forwardedHeaders {
		pr.Out.Header.Del(name)
	}
	if !s.isTrusted(pr.In.RemoteAddr) {
		pr.SetXForwarded()
		return
	}
	for _, name := range forwardedHeaders {
		if values, given := pr.In.Header[name]; given {
			pr.Out.Header[name] = values
		}
	}
	host, _, _ := net.SplitHostPort(pr.In.RemoteAddr)
	way := append(slices.Clone(pr.In.Header["X-Forwarded-For"]), host)
	pr.Out.Header.Set("X-Forwarded-For", strings.Join(way, ", "))
}

func (s *Server) isTrusted(address string) bool {
	peer, err := netip.ParseAddrPort(address)
	return err == nil && slices.ContainsFunc(s.config.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(peer.Addr().Unmap()) })
}

// unanswered is what a client hears when the homeserver does not answer.
func (s *Server) unanswered(w http.ResponseWriter, r *http.Request, err error) {
	var large *http.MaxBytesError
	switch {
	case r.Context().Err() != nil: // the client is gone
	case errors.As(err, &large):
		refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "the body is too large").write(w)
		return
	default:
		s.log.Warn("the homeserver does not answer", "err", err)
	}
	unreachable().write(w)
}

// merges says whether we add to the answer.
func (p passing) merges() bool {
	return p.at.endpoint == versions || p.at.endpoint == capabilities || p.at.endpoint == wellKnown
}

// seeAnswer looks at an answer in passing: merges, and learns of tokens that
// are gone and of state that was set.
func (s *Server) seeAnswer(answer *http.Response) error {
	p, _ := answer.Request.Context().Value(passingKey{}).(passing)
	method, success := answer.Request.Method, answer.StatusCode >= 200 && answer.StatusCode < 300
	switch {
	case p.merges() && method == http.MethodGet:
		return s.merge(answer, p)
	case p.merges() && method == http.MethodHead:
		answer.Header.Del("Content-Length")
	case answer.StatusCode == http.StatusUnauthorized && p.token != "":
		return s.seeUnauthorised(answer, p)
	case p.at.endpoint == logout && success && method == http.MethodPost:
		s.homeserver.forgetCaller(p.token, p.assert)
		s.book.forget(p.token, false, time.Now())
	case p.at.endpoint == logoutAll && success && method == http.MethodPost && p.user != "":
		s.homeserver.forgetUser(p.user)
		s.book.forgetUser(p.user, time.Now())
	case p.at.endpoint == state && success && method == http.MethodPut && s.book.waits(p.at.room, p.at.kind, p.at.key, p.token):
		if who, err := s.homeserver.who(answer.Request.Context(), p.token, p.assert); err == nil && who.user != "" {
			s.book.supersede(p.at.room, p.at.kind, p.at.key, who.user, time.Now())
		}
	}
	return nil
}

// seeUnauthorised drops a token that the homeserver does not know any more.
func (s *Server) seeUnauthorised(answer *http.Response, p passing) error {
	s.homeserver.forgetCaller(p.token, p.assert)
	if !s.book.holds(p.token) {
		return nil
	}
	body, err := readAll(answer)
	if err != nil || body == nil {
		return err
	}
	if lost, renewable := isLogout(body); lost {
		s.book.forget(p.token, renewable, time.Now())
	}
	return nil
}

// readAll reads a body that is not too long and puts it back; nil is too long.
func readAll(answer *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	answer.Body = putBack{io.MultiReader(bytes.NewReader(body), answer.Body), answer.Body}
	if len(body) > maxAnswer {
		return nil, nil
	}
	return body, nil
}

// putBack is a body with a new reader; closing it closes the old one.
type putBack struct {
	io.Reader
	io.Closer
}

// leaveCalls sends the state that a device has scheduled, or all devices of a
// user, while the token still works; otherwise it would haunt its calls.
func (s *Server) leaveCalls(ctx context.Context, p passing) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	for _, id := range s.book.leaves(p.token, p.user) {
		if _, err := s.sendNow(ctx, id); err != nil {
			s.log.Warn("a delayed event could not be sent before its device logged out", "err", err)
		}
	}
}
