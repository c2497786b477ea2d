package probe

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	ice "meshfocus/focus/transport/link"

	"github.com/pion/stun/v4"
)

// Transport is how a client reaches a server. What a relay sends to peers is
// UDP always.
type Transport string

// Transports; "" in an argument stands for what the server's URI says.
const (
	UDP Transport = "udp"
	TCP Transport = "tcp"
	TLS Transport = "tls"
)

// Credentials are TURN's long-term ones (RFC 8489 section 9.2); those that a
// homeserver gives have their expiry in front of the user name.
type Credentials struct{ Username, Password string }

// server is where to ask, and how.
type server struct {
	host string
	port int
	way  Transport
	turn bool // the URI is turn: or turns:
}

// Default ports (RFC 8656 section 3.1).
const (
	plainPort  = 3478
	securePort = 5349
)

// parseServer reads a stun:, stuns:, turn: or turns: URI (RFC 7064, RFC 7065),
// or "host" or "host:port". A way overrides the URI's; the URI's port stays.
func parseServer(text string, way Transport) (server, error) {
	scheme, _, isURI := strings.Cut(text, ":")
	if known := strings.ToLower(scheme); !isURI || (known != "stun" && known != "stuns" && known != "turn" && known != "turns") {
		return parseAddress(text, way)
	}
	uri, err := ice.ParseURI(text)
	if err != nil {
		return server{}, fmt.Errorf("%q is no address of a STUN or TURN server; want turn:turn.example.org:3478?transport=udp: %w", text, err)
	}
	if uri.Port < 1 || uri.Port > 0xffff {
		return server{}, fmt.Errorf("%q: %d is no port", text, uri.Port)
	}
	secure := uri.IsSecure()
	s := server{host: uri.Host, port: uri.Port, way: way, turn: uri.Scheme == stun.SchemeTypeTURN || uri.Scheme == stun.SchemeTypeTURNS}
	if s.way != "" {
		return s, nil
	}
	switch {
	case secure && uri.Proto == stun.ProtoTypeUDP:
		return server{}, fmt.Errorf("%q asks for DTLS, which browsers do not speak to TURN servers; want transport=tcp", text)
	case secure:
		s.way = TLS
	case uri.Proto == stun.ProtoTypeTCP:
		s.way = TCP
	default:
		s.way = UDP
	}
	return s, nil
}

// parseAddress reads "host" and "host:port"; UDP unless the caller says so.
func parseAddress(text string, way Transport) (server, error) {
	if way == "" {
		way = UDP
	}
	s := server{host: strings.Trim(text, "[]"), port: plainPort, way: way}
	if way == TLS {
		s.port = securePort
	}
	if host, port, err := net.SplitHostPort(text); err == nil {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return server{}, fmt.Errorf("%q: %q is no port", text, port)
		}
		s.host, s.port = host, int(number)
	}
	if s.host == "" || strings.ContainsAny(s.host, "/?# ") {
		return server{}, fmt.Errorf("%q is no address of a STUN or TURN server; want turn:turn.example.org:3478?transport=udp", text)
	}
	return s, nil
}

// address is for dialling.
func (s server) address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// String is for people.
func (s server) String() string {
	return s.address() + " over " + strings.ToUpper(string(s.way))
}
