package call

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// ask sends one request, with headers as "Name: value".
func ask(t *testing.T, h http.Handler, method, target string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestHandler_AnswersPathsWithTheirDocuments(t *testing.T) {
	h := newSite(fstest.MapFS{
		"index.html": holding("the page"), "style.css": holding("style"), "page/main.js": holding("main"), "lib/index.js": holding("library"),
		"account/index.html": holding("the account page"), "account/pkg/olm.wasm": holding("wasm"), "icon.svg": holding("<svg/>"),
	})
	const call = "abcdefghijklmnopqrstuvwxyz"
	for target, want := range map[string]struct{ body, kind string }{
		"/":                     {"the page", "text/html; charset=utf-8"},
		"/c/lobby":              {"the page", "text/html; charset=utf-8"},
		"/c/" + call:            {"the page", "text/html; charset=utf-8"},
		"/c/lobby?x=1":          {"the page", "text/html; charset=utf-8"},
		"/call/style.css":       {"style", "text/css; charset=utf-8"},
		"/call/page/main.js":    {"main", "text/javascript; charset=utf-8"},
		"/call/lib/index.js":    {"library", "text/javascript; charset=utf-8"},
		"/call/icon.svg":        {"<svg/>", "image/svg+xml"},
		"/account/":             {"the account page", "text/html; charset=utf-8"},
		"/account/pkg/olm.wasm": {"wasm", "application/wasm"},
	} {
		t.Run(target, func(t *testing.T) {
			r := ask(t, h, "GET", target)
			if r.StatusCode != http.StatusOK || text(t, r) != want.body || r.Header.Get("Content-Type") != want.kind {
				t.Errorf("status %d, type %q", r.StatusCode, r.Header.Get("Content-Type"))
			}
		})
	}
	if r := ask(t, h, "GET", "/account"); r.StatusCode != http.StatusMovedPermanently || r.Header.Get("Location") != "/account/" {
		t.Errorf("/account answers %d to %q", r.StatusCode, r.Header.Get("Location"))
	}
}

func holding(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }

func TestHandler_SaysInWordsThatThereIsNothing(t *testing.T) {
	h := newSite(fstest.MapFS{
		"index.html": holding("page"), "lib/jsconfig.json": holding("{}"), "lib/README.md": holding("how"), "lib/mesh.test.js": holding("test"),
		"page/testdata/x.json": holding("{}"), "account/index.html": holding("account"),
	})
	for target, says := range map[string]string{
		"/c/short":                       "whole",
		"/c/ABCDEFGHIJKLMNOPQRSTUVWXYZ":  "whole",
		"/c/":                            "whole",
		"/index.html":                    "call page is at /",
		"/elsewhere":                     "call page is at /",
		"/call/":                         "call page is at /",
		"/call/lib/jsconfig.json":        "call page is at /",
		"/call/lib/README.md":            "call page is at /",
		"/call/lib/mesh.test.js":         "call page is at /",
		"/call/page/testdata/x.json":     "call page is at /",
		"/call/account/index.html":       "call page is at /",
		"/call/../call.go":               "call page is at /",
		"/account/../../../etc/password": "call page is at /",
	} {
		t.Run(target, func(t *testing.T) {
			r := ask(t, h, "GET", target)
			if body := text(t, r); r.StatusCode != http.StatusNotFound || !strings.Contains(body, says) {
				t.Errorf("status %d: %s", r.StatusCode, body)
			}
			if r.Header.Get("Content-Security-Policy") == "" {
				t.Error("the refusal has no Content-Security-Policy")
			}
		})
	}
}

func TestHandler_IsOnlyRead(t *testing.T) {
	h := Handler()
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		if r := ask(t, h, method, "/"); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s is answered %d", method, r.StatusCode)
		}
	}
	r := ask(t, h, "HEAD", "/")
	if body := text(t, r); r.StatusCode != http.StatusOK || body != "" || r.Header.Get("Content-Length") == "" {
		t.Errorf("HEAD is answered %d with %d bytes", r.StatusCode, len(body))
	}
}

func TestHandler_GuardsEveryPage(t *testing.T) {
	h := Handler()
	for _, c := range []struct{ target, policy, not string }{
		{"/", "script-src 'self'; worker-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types meshfocus-frames", "https:"},
		{"/c/lobby", "default-src 'none'", "unsafe"},
		{"/call/style.css", "default-src 'none'", "unsafe"},
		{"/account/", "'wasm-unsafe-eval'", "'unsafe-eval'"},
		{"/account/", "connect-src 'self' https: http://localhost:* http://127.0.0.1:*", "unsafe-inline"},
	} {
		header := ask(t, h, "GET", c.target).Header
		policy := header.Get("Content-Security-Policy")
		if !strings.Contains(policy, c.policy) || strings.Contains(policy, c.not) || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s comes under %q", c.target, policy)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", c.target, name, header.Get(name), want)
			}
		}
		if may := header.Get("Permissions-Policy"); !strings.Contains(may, "camera=(self)") || !strings.Contains(may, "display-capture=(self)") || !strings.Contains(may, "geolocation=()") {
			t.Errorf("%s: Permissions-Policy is %q", c.target, may)
		}
	}
}

func TestFiles_AreSentOnceAndThenOnlyNamed(t *testing.T) {
	h := newSite(fstest.MapFS{"style.css": holding("one"), "page/a.js": holding("two")})
	tags := map[string]bool{}
	for _, coding := range []string{"gzip", "identity"} {
		r := ask(t, h, "GET", "/call/style.css", "Accept-Encoding: "+coding)
		tag := r.Header.Get("ETag")
		tags[tag] = true
		for _, known := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			again := ask(t, h, "GET", "/call/style.css", "Accept-Encoding: "+coding, "If-None-Match: "+known)
			if body := text(t, again); again.StatusCode != http.StatusNotModified || body != "" || again.Header.Get("Content-Security-Policy") == "" {
				t.Errorf("%s: who has %s is answered %d with %d bytes", coding, known, again.StatusCode, len(body))
			}
		}
		if other := ask(t, h, "GET", "/call/page/a.js", "Accept-Encoding: "+coding, "If-None-Match: "+tag); other.StatusCode != http.StatusOK {
			t.Errorf("%s: another file has the same tag", coding)
		}
	}
	if len(tags) != 2 {
		t.Errorf("the two forms of a file share a tag: %v", tags)
	}
}

func TestFiles_GoZippedToWhoTakesThat(t *testing.T) {
	h := newSite(fstest.MapFS{
		"style.css":           holding(strings.Repeat("body{} ", 1000)),
		"account/olm.wasm.gz": holding(string(compress([]byte(strings.Repeat("wasm ", 1000))))),
	})
	for target, want := range map[string]string{"/call/style.css": "body{} ", "/account/olm.wasm": "wasm "} {
		for header, zipped := range map[string]bool{
			"gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0, br": false, "gzip; q=0.0": false, "": false, "br": false,
		} {
			r := ask(t, h, "GET", target, "Accept-Encoding: "+header)
			if got := r.Header.Get("Content-Encoding") == "gzip"; got != zipped || r.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s for %q: zipped is %t", target, header, got)
			}
			body := io.Reader(r.Body)
			if zipped {
				var err error
				if body, err = gzip.NewReader(r.Body); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := io.ReadAll(body); err != nil || string(got) != strings.Repeat(want, 1000) {
				t.Errorf("%s for %q arrives as %d bytes, %v", target, header, len(got), err)
			}
		}
	}
}

// Every file that is compiled in, in both its forms.
func TestFiles_EveryArchiveOpens(t *testing.T) {
	for name, f := range newSite(files).files {
		if len(f.plain()) == 0 || len(f.zip()) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
}

var (
	loads   = regexp.MustCompile(`(?:src|href)="([^"#]+)"`)
	imports = regexp.MustCompile(`(?m)^\s*(?:import|export)\b(?:[^"'();]*\bfrom)?\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)`)
	comment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	inline  = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>[^<]|<style|\son[a-z]+=|\sstyle=`)
	remote  = regexp.MustCompile(`(?:src|href|@import|url\()\s*=?\s*["'(]?\s*(?:https?:)?//`)
)

// reach collects what a browser loads for a document: what it names and what
// the modules import; with later also what they import when it is asked for.
func reach(t *testing.T, s *site, url string, seen map[string]*file, later bool) {
	t.Helper()
	if _, again := seen[url]; again {
		return
	}
	name := page(url)
	if name == "" {
		name = fileName(url)
	}
	f := s.files[name]
	if f == nil {
		t.Errorf("%s is loaded but not there", url)
		return
	}
	body := string(f.plain())
	seen[url] = f
	if remote.MatchString(body) && path.Ext(name) != ".js" {
		t.Errorf("%s loads something from elsewhere", url)
	}
	found := imports
	switch path.Ext(name) {
	case ".html":
		found = loads
		if at := inline.FindString(body); at != "" {
			t.Errorf("%s has inline code or style, which its policy forbids: %q", url, at)
		}
	case ".js", ".mjs":
		body = comment.ReplaceAllString(body, "") // types are imported there
	default:
		return
	}
	for _, match := range found.FindAllStringSubmatch(body, -1) {
		target := match[1]
		if len(match) > 2 && target == "" {
			if target = match[2]; !later {
				continue
			}
		}
		switch {
		case strings.HasPrefix(target, "data:"), found == loads && strings.HasSuffix(target, "/"), found == loads && path.Ext(target) == "":
			continue // an icon, or a link to follow
		case strings.HasPrefix(target, "."):
			target = path.Join(path.Dir(url), target)
		}
		reach(t, s, target, seen, later)
	}
}

// The weight is what travels: every browser takes gzip.
func TestPage_IsLightAndLoadsNothingFromElsewhere(t *testing.T) {
	reach(t, newSite(files), "/", map[string]*file{}, true)
	seen := map[string]*file{}
	reach(t, newSite(files), "/", seen, false)
	travels, whole := 0, 0
	for url, f := range seen {
		travels, whole = travels+len(f.zip()), whole+len(f.plain())
		if strings.HasPrefix(url, "/account/") {
			t.Errorf("the guest page loads %s", url)
		}
	}
	t.Logf("%d files, %.1f kB, of which %.1f kB travel", len(seen), float64(whole)/1000, float64(travels)/1000)
	if travels >= 120_000 || whole >= 320_000 {
		t.Errorf("the page weighs %d bytes and is %d long; want less than 120 kB and 320 kB", travels, whole)
	}
	if len(seen) < 10 {
		t.Errorf("only %d files are found; imports are not followed", len(seen))
	}
}

func TestScripts_NeverWriteMarkup(t *testing.T) {
	markup := regexp.MustCompile(`\.(?:innerHTML|outerHTML|insertAdjacentHTML)\b|document\.write\b|\beval\(|new Function\(`)
	for name, f := range newSite(files).files {
		own := !strings.HasPrefix(name, "account/vendor/")
		if own && path.Ext(name) == ".js" && markup.Match(f.plain()) {
			t.Errorf("%s: %s", name, markup.Find(f.plain()))
		}
	}
}

func TestFiles_AreFoundWhereTheyAreEmbedded(t *testing.T) {
	for _, name := range []string{"index.html", "style.css", "lib/index.js"} {
		if _, err := fs.Stat(files, name); err != nil {
			t.Error(err)
		}
	}
}
