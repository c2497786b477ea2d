package negotiate

// State says how things stand between us and the remote device.
type State uint8

// The states of a pair. See the package comment for the ways between them.
const (
	// Absent: the device is no member; nothing of it exists here.
	Absent State = iota
	// Waiting: a member whose part it is to call us.
	Waiting
	// Resting: a member whom we call when the ladder says so.
	Resting
	// Calling: a call exists in either direction and has not connected yet.
	Calling
	// Connected: media can flow.
	Connected
	// Broken: it was connected, or failed before it was, and is under repair.
	Broken
	// Lingering: the membership is gone and media still flows (D26).
	Lingering
	// Over: we left. Final.
	Over

	stateCount
)

var stateNames = [stateCount]string{
	"absent", "waiting", "resting", "calling", "connected", "broken", "lingering", "over",
}

// String gives the state's name for logs and status pages.
func (s State) String() string {
	if s < stateCount {
		return stateNames[s]
	}
	return "unknown"
}

// Live reports whether a call exists in this state.
func (s State) Live() bool {
	return s == Calling || s == Connected || s == Broken || s == Lingering
}

// exchange says how the exchange of descriptions inside a call stands.
type exchange uint8

const (
	// stable: both descriptions are in place, or none was made yet.
	stable exchange = iota
	// making: our offer is being made.
	making
	// offered: our offer is with the peer.
	offered
	// applying: the peer's answer is being applied.
	applying
	// answering: the peer's offer is being applied and answered.
	answering

	exchangeCount
)

var exchangeNames = [exchangeCount]string{"stable", "making", "offered", "applying", "answering"}

func (x exchange) String() string { return exchangeNames[x] }
