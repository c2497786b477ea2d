package call

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed *.html *.css page lib account
var files embed.FS

// kinds are the files that are served, by the end of their name. Documents,
// tests and tool settings lie in the same folders and stay there.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".wasm": "application/wasm", ".svg": "image/svg+xml", ".png": "image/png",
	".json": "application/json", ".webmanifest": "application/manifest+json",
}

// site is the files by name, read once.
type site struct{ files map[string]*file }

// file is one of them. Either form may be the one that is embedded (a name
// that ends in .gz is); the other is made when it is first asked for.
type file struct {
	kind, etag string
	plain, zip func() []byte
}

// newSite reads the files. It panics on a file that cannot be read: they are
// compiled in.
func newSite(from fs.FS) *site {
	s := &site{files: map[string]*file{}}
	err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		served, zipped := strings.CutSuffix(name, ".gz")
		kind := kinds[path.Ext(served)]
		if kind == "" || private(served) {
			return nil
		}
		body, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		s.files[served] = newFile(kind, body, zipped)
		return nil
	})
	if err != nil {
		panic("web/call: " + err.Error())
	}
	return s
}

// private says which files of the folders are tools, not pages.
func private(name string) bool {
	base := path.Base(name)
	return base == "jsconfig.json" || base == "package.json" || strings.Contains(name, "/testdata/") || strings.Contains(name, "/test/") ||
		strings.Contains(base, ".test.") || strings.Contains(base, "_test.")
}

func newFile(kind string, body []byte, zipped bool) *file {
	sum := sha256.Sum256(body)
	f := &file{kind: kind, etag: hex.EncodeToString(sum[:12])}
	embedded := func() []byte { return body }
	if zipped {
		f.zip, f.plain = embedded, sync.OnceValue(func() []byte { return expand(body) })
	} else {
		f.plain, f.zip = embedded, sync.OnceValue(func() []byte { return compress(body) })
	}
	return f
}

func compress(body []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is one
	}
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// expand opens an embedded archive; TestFiles_EveryArchiveOpens keeps it from
// panicking.
func expand(body []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		panic("web/call: an embedded file is not gzip: " + err.Error())
	}
	out, err := io.ReadAll(r)
	if err != nil {
		panic("web/call: an embedded file is damaged: " + err.Error())
	}
	return out
}

// serve answers with the form that the browser takes, or says that it has it
// (RFC 9110, sections 12.5.3 and 13.1.2). The two forms are two
// representations, so each has its own tag.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	tag := `"` + f.etag + `"`
	zipped := acceptsGzip(r.Header.Get("Accept-Encoding"))
	if zipped {
		tag = `"` + f.etag + `-gzip"`
	}
	h.Set("ETag", tag)
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.kind)
	body := f.plain
	if zipped {
		h.Set("Content-Encoding", "gzip")
		body = f.zip
	}
	text := body()
	h.Set("Content-Length", strconv.Itoa(len(text)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // a reader who has gone is no error of ours
	}
}

// acceptsGzip reads Accept-Encoding: gzip named, and not with weight zero.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(strings.ReplaceAll(part, " ", ""), ";")
		if strings.EqualFold(coding, "gzip") {
			return strings.Trim(strings.TrimPrefix(strings.ToLower(weight), "q="), "0.") != "" || weight == ""
		}
	}
	return false
}

// matches compares weakly, as If-None-Match is (RFC 9110, section 13.1.2).
func matches(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == tag {
			return true
		}
	}
	return false
}
