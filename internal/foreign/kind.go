package foreign

// Kind is a kind of peer; its value is the name of the page in peers/.
type Kind string

// The kinds.
const (
	JSSDK43  Kind = "jssdk43"  // GroupCall of matrix-js-sdk 43.0.0, clear signalling
	JSSDK36  Kind = "jssdk36"  // GroupCall of matrix-js-sdk 36.2.0, Olm by libolm
	Hydrogen Kind = "hydrogen" // hydrogen-view-sdk 0.3.1, Olm by libolm
	Raw      Kind = "raw"      // no library: what the others cannot be made to send
	Page     Kind = "page"     // our own, signed in; Olm by vodozemac
	Guest    Kind = "guest"    // our own, by a link and the daemon's websocket

	LiveKit43 Kind = "livekit43" // MatrixRTCSession of matrix-js-sdk 43.0.0, no media
)

// Kinds are those that others have written, in the order of the grid.
func Kinds() []Kind { return []Kind{JSSDK43, JSSDK36, Hydrogen} }

// bundled is false for our own pages, which are served as people get them.
func (k Kind) bundled() bool { return k != Page && k != Guest }
