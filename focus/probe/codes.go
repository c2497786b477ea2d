package probe

import "github.com/pion/stun/v4"

// codes says what error codes of TURN mean for those who run the server (RFC
// 8489 section 14.8, RFC 8656 section 19); 401 and 441 need a closer look.
var codes = map[stun.ErrorCode]remedy{
	stun.CodeTryAlternate:           {"the server sends clients to another one (ALTERNATE-SERVER), which not all clients follow", "name the other server in the homeserver's list", ""},
	stun.CodeBadRequest:             {"the server could not read the request: a proxy changes it, or it speaks an old draft", "update the TURN server", ""},
	stun.CodeForbidden:              {"the server forbids this user or this address to use it", "look for denied-peer-ip and for lists of users in the TURN server's configuration", ""},
	stun.CodeUnknownAttribute:       {"the server does not know what a relay is; it is a STUN server", "name a TURN server, or switch stun-only off", ""},
	stun.CodeAllocMismatch:          {"an older relay of the same port is still there", "try again in ten minutes", ""},
	stun.CodeAddrFamilyNotSupported: {"the server has no relay addresses of IPv4", "give the TURN server an IPv4 address to relay from", "# coturn: turnserver.conf\nrelay-ip=<IPv4 address of the machine>"},
	stun.CodeUnsupportedTransProto:  {"the server relays TCP only", "take no-udp-relay out", ""},
	stun.CodeAllocQuotaReached:      {"the quota of relays is used up, for this user or for all", "raise the quotas; each device needs one relay for each other in the call and each server URI", quotaSnippet(0)},
	stun.CodeInsufficientCapacity:   {"the server has no free relay port or no address to relay from", "widen the port range, and check relay-ip", "# coturn: turnserver.conf\nmin-port=49152\nmax-port=65535"},
	stun.CodeServerError:            {"the server failed", "look into the TURN server's log at this time", ""},
	stun.CodeConnTimeoutOrFailure:   {"the server could not reach the other side", "look into the TURN server's log at this time", ""},
	stun.CodePeerAddrFamilyMismatch: {"the relay's addresses and the peer's are of different families", "give the TURN server addresses of both", ""},
}
