package transport

import (
	"log/slog"
	"net"
	"slices"
	"strconv"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// ICEServer is a STUN or TURN server, as the homeserver or the configuration
// names it. URLs are stun:, stuns:, turn: and turns: (RFC 7064, RFC 7065).
type ICEServer struct {
	URLs                 []string
	Username, Credential string
}

// usableServers drops what the ICE agent would refuse: URLs of another scheme
// or that cannot be read, and TURN servers without credentials. Pion refuses
// a whole connection for one of them.
func usableServers(servers []ICEServer, log *slog.Logger) []webrtc.ICEServer {
	var usable []webrtc.ICEServer
	for _, server := range servers {
		var urls []string
		for _, url := range server.URLs {
			if reason := refusal(url, server); reason != "" {
				log.Warn("ICE server ignored", "url", url, "reason", reason)
				continue
			}
			urls = append(urls, url)
		}
		if len(urls) > 0 {
			usable = append(usable, webrtc.ICEServer{URLs: urls, Username: server.Username, Credential: server.Credential})
		}
	}
	return usable
}

// refusal says why a URL cannot be used, "" if it can.
func refusal(url string, server ICEServer) string {
	parsed, err := stun.ParseURI(url)
	if err != nil {
		return "not a stun:, stuns:, turn: or turns: address"
	}
	turn := parsed.Scheme == stun.SchemeTypeTURN || parsed.Scheme == stun.SchemeTypeTURNS
	if turn && (server.Username == "" || server.Credential == "") {
		return "TURN needs a user name and a credential"
	}
	return ""
}

// stunAddresses gives where a reflexive address can be asked for: the servers
// that speak STUN over UDP, TURN servers among them, as "host:port".
func stunAddresses(servers []webrtc.ICEServer) []string {
	var addresses []string
	for _, server := range servers {
		for _, url := range server.URLs {
			parsed, err := stun.ParseURI(url)
			if err != nil || parsed.Proto != stun.ProtoTypeUDP || parsed.Scheme == stun.SchemeTypeSTUNS || parsed.Scheme == stun.SchemeTypeTURNS {
				continue
			}
			address := net.JoinHostPort(parsed.Host, strconv.Itoa(parsed.Port))
			if !slices.Contains(addresses, address) {
				addresses = append(addresses, address)
			}
		}
	}
	return addresses
}
