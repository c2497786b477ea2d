package inspect

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// bodyLimit bounds what is read of an answer, in bytes.
const bodyLimit = 4 << 20

// nothing is the empty JSON object.
var nothing = map[string]any{}

// newWeb makes the client of all checks. It follows no redirect: clients of
// the API do not either once a request carries a token. It asks no HTTP proxy,
// so that every check takes the way that is looked at first.
func newWeb(c Config) *http.Client {
	return &http.Client{
		Timeout: c.Patience,
		Transport: &http.Transport{
			DialContext:     (&net.Dialer{Timeout: c.Patience}).DialContext,
			TLSClientConfig: &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
			MaxIdleConns:    4,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is what came back for one request, or the error instead.
type answer struct {
	method, path string
	status       int
	header       http.Header
	body         []byte
	sent         time.Time
	took         time.Duration
	err          error
}

// clientPath joins segments below /_matrix/client, each escaped.
func clientPath(segments ...string) string {
	path := "/_matrix/client"
	for _, segment := range segments {
		path += "/" + url.PathEscape(segment)
	}
	return path
}

// retries is how often a request that is limited waits and comes again, and
// retryWait for how long at most.
const (
	retries   = 2
	retryWait = 6 * time.Second
)

// ask sends a request with the token, if there is one. When the homeserver
// limits it, it waits as told and tries again, within bounds.
func (i *Inspector) ask(ctx context.Context, method, path string, content any) answer {
	for attempt := 0; ; attempt++ {
		a := i.askOnce(ctx, method, path, content)
		wait := a.retryAfter()
		if a.status != http.StatusTooManyRequests || attempt == retries || wait > retryWait {
			return a
		}
		select {
		case <-ctx.Done():
			return a
		case <-time.After(wait):
		}
	}
}

func (i *Inspector) askOnce(ctx context.Context, method, path string, content any) answer {
	header := http.Header{}
	if i.token != "" {
		header.Set("Authorization", "Bearer "+i.token)
	}
	return i.send(ctx, method, i.base.String()+path, header, content)
}

// send makes one request to an address. Nil content is no body.
func (i *Inspector) send(ctx context.Context, method, address string, header http.Header, content any) answer {
	a := answer{method: method, path: address, sent: time.Now()}
	if parsed, err := url.Parse(address); err == nil {
		a.path = parsed.Path
	}
	var body io.Reader
	if content != nil {
		text, err := json.Marshal(content)
		if err != nil {
			a.err = err
			return a
		}
		body = bytes.NewReader(text)
		header.Set("Content-Type", "application/json")
	}
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		a.err = err
		return a
	}
	request.Header = header
	response, err := i.web.Do(request)
	if err != nil {
		a.err, a.took = err, time.Since(a.sent)
		return a
	}
	defer response.Body.Close()
	a.status, a.header = response.StatusCode, response.Header
	a.body, a.err = io.ReadAll(io.LimitReader(response.Body, bodyLimit))
	a.took = time.Since(a.sent)
	if a.status != http.StatusOK { // may repeat what it was sent
		a.body = []byte(hide(string(a.body), i.secrets()))
	}
	return a
}

// ok says that the answer is a success and JSON.
func (a answer) ok() bool { return a.err == nil && a.status == http.StatusOK && a.isJSON() }

func (a answer) isJSON() bool {
	trimmed := bytes.TrimSpace(a.body)
	return len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed)
}

func (a answer) isHTML() bool {
	text := strings.ToLower(string(a.body[:min(len(a.body), 512)]))
	return strings.Contains(text, "<html") || strings.Contains(text, "<!doctype html")
}

// read decodes the body; what does not fit stays empty.
func (a answer) read(into any) { _ = json.Unmarshal(a.body, into) }

// errcode is the Matrix error code, "" when the answer carries none.
func (a answer) errcode() string {
	var body struct{ Errcode string }
	a.read(&body)
	return body.Errcode
}

// unrecognised says that the endpoint is not there (client-server API,
// "Common error codes").
func (a answer) unrecognised() bool {
	return a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed || a.errcode() == "M_UNRECOGNIZED"
}

// mostRetry bounds what is believed of a server's wish to wait.
const mostRetry = 24 * time.Hour

// retryAfter is how long a limited request should wait; a second when the
// answer does not say.
func (a answer) retryAfter() time.Duration {
	var body struct {
		After float64 `json:"retry_after_ms"`
	}
	a.read(&body)
	if body.After > 0 {
		return time.Duration(min(body.After, mostRetry.Seconds()*1000) * float64(time.Millisecond))
	}
	if a.header != nil {
		if seconds, err := time.ParseDuration(a.header.Get("Retry-After") + "s"); err == nil {
			return max(min(seconds, mostRetry), 0)
		}
	}
	return time.Second
}

// words says what came back, for people, without what may be secret.
func (a answer) words() string {
	status := a.statusWords()
	switch {
	case a.err != nil:
		return status
	case a.status >= 300 && a.status < 400:
		return fmt.Sprintf("%s to %s", status, cmp.Or(excerpt(a.header.Get("Location")), "nowhere"))
	case a.isHTML():
		return fmt.Sprintf("%s with a web page%s instead of JSON", status, titleOf(a.body))
	case a.errcode() != "":
		return fmt.Sprintf("%s %s%s", status, excerpt(a.errcode()), errorText(a.body))
	case len(a.body) == 0:
		return status + " with nothing in it"
	case !a.isJSON():
		return fmt.Sprintf("%s with %q, which is not JSON", status, excerpt(string(a.body)))
	case a.status >= 400:
		return status + " without an errcode"
	}
	return status
}

// statusWords says what came back by its first line alone.
func (a answer) statusWords() string {
	if a.err != nil {
		return plainError(a.err)
	}
	return fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
}

var titlePattern = regexp.MustCompile(`(?is)<title[^>]*>([^<]*)</title>`)

func titleOf(page []byte) string {
	if match := titlePattern.FindSubmatch(page); match != nil {
		return fmt.Sprintf(" titled %q", excerpt(strings.TrimSpace(string(match[1]))))
	}
	return ""
}

func errorText(body []byte) string {
	var b struct{ Error string }
	if json.Unmarshal(body, &b) != nil || b.Error == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", excerpt(b.Error))
}

// printable takes out what a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == ' ' {
			return r
		}
		return ' '
	}, text)
}

// excerpt keeps a text short and on one line, without what a terminal would
// obey.
func excerpt(text string) string {
	letters := []rune(strings.Join(strings.Fields(printable(text)), " "))
	if len(letters) > 100 {
		return string(letters[:100]) + "…"
	}
	return string(letters)
}

// plainError says a network error without addresses around it.
func plainError(err error) string {
	var wrapped *url.Error
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &wrapped) && wrapped.Timeout():
		return "no answer in time"
	case errors.As(err, &name) && name.IsNotFound:
		return "no such name: " + name.Name
	case errors.As(err, &certificate):
		return excerpt("a certificate that is not believed: " + certificate.Err.Error())
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "the connection was cut off"
	case errors.Is(err, io.EOF):
		return "the connection was closed without an answer"
	case strings.Contains(err.Error(), "HTTP response to HTTPS client"): // net/http has no type for it
		return "plain HTTP where HTTPS was expected"
	case wrapped != nil:
		err = wrapped.Err
	}
	return excerpt(err.Error())
}

// plainTime writes a duration as people read it: 502 ms, 1.5 s, 10 min, 24 h.
func plainTime(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}
