package foreign

import (
	"embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed peers
var pages embed.FS

// Workshop bundles the peers' pages with their libraries, each when it is
// first asked for, and serves them.
type Workshop struct {
	directory string
	modules   string // node_modules
	mux       *http.ServeMux
	server    *httptest.Server
	made      map[Kind]bool
}

// NewWorkshop serves until the test ends. The npm packages have to be
// installed (internal/scripts/npm).
func NewWorkshop(t testing.TB) *Workshop {
	t.Helper()
	modules, err := filepath.Abs("../npm/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	w := &Workshop{directory: t.TempDir(), modules: modules, made: map[Kind]bool{}}
	if err := os.CopyFS(w.directory, pages); err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{"olm.wasm": "@matrix-org/olm/olm.wasm", "olm.js": "@matrix-org/olm/olm.js"} {
		text, err := os.ReadFile(filepath.Join(modules, source))
		if err != nil {
			t.Fatalf("the foreign clients are not installed, run internal/scripts/npm: %v", err)
		}
		if err := os.WriteFile(filepath.Join(w.directory, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.mux = http.NewServeMux()
	w.mux.Handle("/", http.FileServer(http.Dir(w.directory)))
	w.mux.HandleFunc("GET /peer/{kind}", page)
	w.server = httptest.NewServer(w.mux)
	t.Cleanup(w.server.Close)
	return w
}

// Mount serves something else beside the peers, such as our own page.
func (w *Workshop) Mount(pattern string, handler http.Handler) { w.mux.Handle(pattern, handler) }

// page is the document of every peer.
func page(answer http.ResponseWriter, request *http.Request) {
	answer.Header().Set("Content-Type", "text/html; charset=utf-8")
	kind := Kind(request.PathValue("kind"))
	script := fmt.Sprintf("<script src='/%s.bundle.js'></script>", kind)
	if !kind.bundled() {
		script = fmt.Sprintf("<script type=module src='/peers/%s.js'></script>", kind)
	}
	_, _ = fmt.Fprintf(answer, "<!doctype html><title>%s</title><link rel=icon href='data:,'><body>%s", kind, script)
}

// Origin is where the pages come from.
func (w *Workshop) Origin() string { return w.server.URL }

// Page bundles a kind, if that has not been done, and says where its page is.
func (w *Workshop) Page(t testing.TB, kind Kind) string {
	t.Helper()
	if kind.bundled() && !w.made[kind] {
		w.bundle(t, kind)
		w.made[kind] = true
	}
	return w.server.URL + "/peer/" + string(kind)
}

// bundle makes one script of a page and its library. Libraries of this age
// expect Node's name of the global object, and Olm asks for Node's modules.
func (w *Workshop) bundle(t testing.TB, kind Kind) {
	t.Helper()
	command := exec.Command(filepath.Join(w.modules, ".bin", "esbuild"), filepath.Join(w.directory, "peers", string(kind)+".js"),
		"--bundle", "--format=iife", "--define:global=window", "--external:fs", "--external:path", "--external:crypto", "--log-level=error",
		"--outfile="+filepath.Join(w.directory, string(kind)+".bundle.js"))
	command.Env = append(os.Environ(), "NODE_PATH="+w.modules)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("bundling %s: %v\n%s", kind, err, out)
	}
}
