package transport

import (
	"log/slog"
	"net"
	"slices"
	"strconv"

	"github.com/pion/stun/v4"

	"meshfocus/focus/transport/link"
)

// ICEServer is a STUN or TURN server, as the homeserver or the configuration
// names it. URLs are stun:, stuns:, turn: and turns: (RFC 7064, RFC 7065).
type ICEServer struct {
	URLs                 []string
	Username, Credential string
}

// usableServers drops what the ICE agent would refuse: URLs of another scheme
// or that cannot be read, and TURN servers without credentials.
func usableServers(servers []ICEServer, log *slog.Logger) []ICEServer {
	var usable []ICEServer
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
			usable = append(usable, ICEServer{URLs: urls, Username: server.Username, Credential: server.Credential})
		}
	}
	return usable
}

// refusal says why a URL cannot be used, "" if it can.
func refusal(url string, server ICEServer) string {
	if _, err := link.ParseURI(url); err != nil {
		return "not a stun:, stuns:, turn: or turns: address"
	}
	if isTURN(url) && (server.Username == "" || server.Credential == "") {
		return "TURN needs a user name and a credential"
	}
	return ""
}

// isTURN reports whether a URL is of a relay.
func isTURN(url string) bool {
	parsed, err := link.ParseURI(url)
	return err == nil && (parsed.Scheme == stun.SchemeTypeTURN || parsed.Scheme == stun.SchemeTypeTURNS)
}

// relays gives the TURN servers as a link wants them.
func relays(servers []ICEServer) (all []link.Relay) {
	for _, server := range servers {
		for _, url := range server.URLs {
			if isTURN(url) {
				all = append(all, link.Relay{URL: url, Username: server.Username, Credential: server.Credential})
			}
		}
	}
	return all
}

// stunAddresses gives where a reflexive address can be asked for: the servers
// that speak STUN over UDP, TURN servers among them, as "host:port".
func stunAddresses(servers []ICEServer) []string {
	var addresses []string
	for _, server := range servers {
		for _, url := range server.URLs {
			parsed, err := link.ParseURI(url)
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
