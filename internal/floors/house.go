package floors

// Meshfocus returns the rules of this module: docs/architecture.md as a table.
func Meshfocus() House {
	return House{
		Rooms: []Room{
			{Path: "cmd/meshfocus", Floor: Roof, Beside: []string{"web/stats"}},
			{Path: "web/stats", Floor: Roof},
			{Path: "bench", Floor: Roof},

			{Path: "mesh/headless", Floor: Hall, Beside: []string{"mesh"}},
			{Path: "mesh", Floor: Hall},

			{Path: "focus/record", Floor: Engine, Wing: Media},

			{Path: "signalling/matrix", Floor: Port, Wing: Words},
			{Path: "signalling/homeserver", Floor: Port, Wing: Words, Beside: []string{"signalling/homeserver/journal"}},
			{Path: "signalling/homeserver/journal", Floor: Port, Wing: Words},
			{Path: "focus/transport", Floor: Port, Wing: Media},
			{Path: "focus/transport/mediafile", Floor: Port, Wing: Media, Beside: []string{"focus/transport"}},

			{Path: "mesh/negotiate", Floor: Ground, Wing: Words, Beside: []string{"signalling/message", "signalling/membership"}},
			{Path: "signalling/membership", Floor: Ground, Wing: Words, Beside: []string{"signalling/message"}},
			{Path: "signalling/message", Floor: Ground, Wing: Words},
			{Path: "focus/transport/frame", Floor: Ground, Wing: Media},
			{Path: "simulcast", Floor: Ground, Wing: Media},

			{Path: "internal/floors", Floor: Cellar},
			{Path: "internal/simnet", Floor: Cellar},
			{Path: "internal/testcard", Floor: Cellar},
			{Path: "focus/internal/testclip", Floor: Cellar},
		},
		Fences: []Fence{
			{Library: "github.com/pion", Inside: []string{"focus/transport"}},
			{Library: "maunium.net/go/mautrix", Inside: []string{"signalling/matrix"}},
			{Library: "go.mau.fi", Inside: []string{"signalling/matrix"}}, // what mautrix's own API asks for
			{Library: "github.com/rs/zerolog", Inside: []string{"signalling/matrix"}},
			{Library: "github.com/gorilla/websocket", Inside: []string{"web/stats", "signalling/socket"}},
			{Library: "modernc.org/sqlite", Inside: []string{"signalling/homeserver/journal", "signalling/matrix"}},
			{Library: "github.com/at-wat/ebml-go", Inside: []string{"focus/record"}},
			{Library: "github.com/spf13", Inside: []string{"cmd"}},
			{Library: "github.com/knadh/koanf", Inside: []string{"cmd"}},
			{Library: "github.com/goccy/go-yaml", Inside: []string{"cmd"}},
			{Library: "github.com/prometheus", Inside: []string{"cmd"}},
			{Library: "flag", Inside: []string{"cmd"}},
			{Library: "C"}, // everything builds without a C compiler
		},
		Closed: []string{"cmd"},
	}
}
