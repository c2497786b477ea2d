package probe

import (
	"errors"
	"fmt"

	"github.com/pion/stun/v4"
)

// What can go wrong between us and a server, told apart for diagnosis.
var (
	errSilent    = errors.New("nothing came back")
	errHandshake = errors.New("TLS handshake")
	errOnlySTUN  = errors.New("the server answers STUN but no request for a relay")
	errNotSTUN   = errors.New("what came back is not STUN")
	errHungUp    = errors.New("the server closed the connection")
	errChallenge = errors.New("the server asked for credentials without saying realm and nonce")
	errNonces    = errors.New("the server calls each nonce stale that it has just given")
	errIntegrity = errors.New("the server's answer is not signed with our credentials")
	errNoIPv6    = errors.New("the relay has IPv6 addresses only and this machine has none")
	errNoAddress = errors.New("the server's answer holds no address")

	errUnheard = errors.New("the server answered and then kept silent")

	errOldVantage = errors.New("the vantage does not say that it can connect by TCP")
)

// refused is an error response.
type refused struct {
	method stun.Method
	code   stun.ErrorCode
	reason string
}

func (r *refused) Error() string {
	return fmt.Sprintf("%s was answered with %d %s", r.method, r.code, r.reason)
}

// refusal reads an error response, nil for others.
func refusal(m *stun.Message) error {
	if m.Type.Class != stun.ClassErrorResponse {
		return nil
	}
	r := &refused{method: m.Type.Method, reason: "without a code"}
	var code stun.ErrorCodeAttribute
	if code.GetFrom(m) == nil {
		r.code, r.reason = code.Code, printable(string(code.Reason))
	}
	return r
}

// codeOf gives the code of an error response, 0 for other errors.
func codeOf(err error) stun.ErrorCode {
	var r *refused
	if errors.As(err, &r) {
		return r.code
	}
	return 0
}

// printable keeps what a server says short and on one line.
func printable(text string) string {
	const most = 80
	var kept []rune
	for _, r := range text {
		if r < ' ' || r == 0x7f || r == 0xfffd || len(kept) == most {
			break
		}
		kept = append(kept, r)
	}
	return string(kept)
}
