package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"meshfocus/signalling/appservice"
	"meshfocus/signalling/homeserver"
)

// setting is one thing that can be configured. The table of settings is the
// only list: defaults, the example file, environment names, flags, the checks
// and docs/config.md are all made from it.
type setting struct {
	key    string // path in the YAML file, dots between levels
	flag   string // long flag of `serve`, "" for none
	def    any
	about  string // one or two sentences; the comment in the example file
	secret bool   // never shown
	check  func(Config) error
}

// environment gives the variable that sets s.
func (s setting) environment() string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

const environmentPrefix = "MESHFOCUS_"

// Config is what the daemon is told. Its fields stand in the order of settings.
type Config struct {
	Listen         string   `koanf:"listen"`
	PublicURL      string   `koanf:"public_url"`
	InsecureHTTP   bool     `koanf:"insecure_http"`
	TrustedProxies []string `koanf:"trusted_proxies"`

	TLS        TLSConfig        `koanf:"tls"`
	Homeserver HomeserverConfig `koanf:"homeserver"`
	TURN       TURNConfig       `koanf:"turn"`
	Relay      RelayConfig      `koanf:"relay"`
	Media      MediaConfig      `koanf:"media"`
	Lobby      LobbyConfig      `koanf:"lobby"`
	Call       CallConfig       `koanf:"call"`
	Appservice AppserviceConfig `koanf:"appservice"`
	Forward    ForwardConfig    `koanf:"forward"`
	Traces     TracesConfig     `koanf:"traces"`
	Membership MembershipConfig `koanf:"membership"`
	Upstream   UpstreamConfig   `koanf:"upstream"`
	Log        LogConfig        `koanf:"log"`
}

// TLSConfig says how browsers know that it is us: by certificate files, by
// certificates from an ACME authority, or by one that we sign ourselves.
type TLSConfig struct {
	Cert       string   `koanf:"cert"`
	Key        string   `koanf:"key"`
	ACME       []string `koanf:"acme"`
	Email      string   `koanf:"acme_email"`
	Directory  string   `koanf:"acme_directory"`
	HTTP       string   `koanf:"acme_http"`
	SelfSigned bool     `koanf:"self_signed"`
}

// on says whether anything is served by HTTPS.
func (c TLSConfig) on() bool { return c.Cert != "" || c.Key != "" || len(c.ACME) > 0 || c.SelfSigned }

// HomeserverConfig is about the embedded homeserver.
type HomeserverConfig struct {
	ServerName         string        `koanf:"server_name"`
	Data               string        `koanf:"data"`
	Registration       string        `koanf:"registration"`
	RegistrationTokens []string      `koanf:"registration_tokens"`
	Guests             bool          `koanf:"guests"`
	MaxDelay           time.Duration `koanf:"max_delay"`
	RateLimits         []string      `koanf:"rate_limits"`
}

// TURNConfig is handed to every client by the embedded homeserver.
type TURNConfig struct {
	URIs     []string      `koanf:"uris"`
	Username string        `koanf:"username"`
	Password string        `koanf:"password"`
	TTL      time.Duration `koanf:"ttl"`
}

// MediaConfig is about the daemon's own media sockets.
type MediaConfig struct {
	Port       int      `koanf:"port"`
	TCP        bool     `koanf:"tcp"`
	Loopback   bool     `koanf:"loopback"`
	External   []string `koanf:"external"`
	Relay      string   `koanf:"relay"`
	Encryption string   `koanf:"encryption"`
	Adaptive   bool     `koanf:"adaptive"`
	ECN        bool     `koanf:"ecn"`
	MaxMembers int      `koanf:"max_members"`
}

// LobbyConfig is about the room that is there from the start.
type LobbyConfig struct {
	Enabled  bool   `koanf:"enabled"`
	Name     string `koanf:"name"`
	TestCard bool   `koanf:"test_card"`
	Viewer   bool   `koanf:"viewer"`
	Encrypt  string `koanf:"encrypt"`
}

// CallConfig is about the call page: people who come by link.
type CallConfig struct {
	New           bool          `koanf:"new"`
	MaxCalls      int           `koanf:"max_calls"`
	Keep          time.Duration `koanf:"keep"`
	Origins       []string      `koanf:"origins"`
	Trust         string        `koanf:"trust"`
	MaxSockets    int           `koanf:"max_sockets"`
	MaxPerAddress int           `koanf:"max_sockets_per_address"`
	Grace         time.Duration `koanf:"grace"`
}

// AppserviceConfig is about guests on a homeserver that is not ours.
type AppserviceConfig struct {
	Homeserver    string `koanf:"homeserver"`
	ServerName    string `koanf:"server_name"`
	ASToken       string `koanf:"as_token"`
	HSToken       string `koanf:"hs_token"`
	Sender        string `koanf:"sender"`
	CreateDevices bool   `koanf:"create_devices"`
}

func (c AppserviceConfig) service() appservice.Config {
	return appservice.Config{
		Homeserver: c.Homeserver, ServerName: c.ServerName, ASToken: c.ASToken, HSToken: c.HSToken,
		SenderLocalpart: c.Sender, UserPrefix: guestPrefix, CreateDevices: c.CreateDevices,
	}
}

// LogConfig is about the daemon's log.
type LogConfig struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
}

// settings lists every setting in the order of the example file.
func settings() []setting {
	return slices.Concat(daemonSettings(), relaySettings(), forwardSettings(), tracesSettings(), membershipSettings(), upstreamSettings(), logSettings())
}

func daemonSettings() []setting {
	return []setting{
		{key: "listen", flag: "listen", def: "127.0.0.1:8008", check: checkListen,
			about: "Address of the call page, the status page and the homeserver. Other machines reach an address that is not loopback, which needs HTTPS (tls.*): browsers give no camera to a page that came by plain HTTP."},
		{key: "public_url", flag: "public-url", def: "",
			about: "Base URL under which people reach this daemon, if it is not the listen address. It is printed, told to Matrix clients (/.well-known/matrix/client), and its pages may open the call's websocket.", check: checkPublicURL},
		{key: "insecure_http", flag: "insecure-http", def: false,
			about: "Allows plain HTTP on an address that other machines reach. Only behind a reverse proxy that speaks HTTPS."},
		{key: "trusted_proxies", flag: "trusted-proxy", def: []string{}, check: checkProxies,
			about: "Addresses or networks (10.0.0.0/8) of reverse proxies whose X-Forwarded-For is believed, so that bounds count people and not the proxy."},

		{key: "tls.cert", flag: "tls-cert", def: "", check: checkTLS,
			about: "Certificate file (PEM, the chain included) for HTTPS. It is read again when it changes."},
		{key: "tls.key", flag: "tls-key", def: "",
			about: "Private key file (PEM) of tls.cert."},
		{key: "tls.self_signed", flag: "self-signed", def: false,
			about: "HTTPS with a certificate that is made here: good enough for phones in the same network, after a warning of the browser. It is kept in homeserver.data and made anew when it runs out or the addresses of this machine change."},
		{key: "tls.acme", flag: "acme", def: []string{}, check: checkACME,
			about: "Domains to get certificates for from an ACME authority such as Let's Encrypt. The daemon has to be reachable under them on port 80 or 443."},
		{key: "tls.acme_email", def: "", about: "E-mail address that the authority may write to."},
		{key: "tls.acme_directory", def: letsEncrypt, check: checkDirectory,
			about: "Directory URL of the ACME authority."},
		{key: "tls.acme_http", def: ":80", check: checkACMEHTTP,
			about: "Address for the authority's HTTP-01 challenge, which also sends browsers on to HTTPS. Empty leaves the TLS-ALPN-01 challenge, for which listen has to be port 443."},

		{key: "homeserver.server_name", flag: "server-name", def: "localhost", check: checkServerName,
			about: "Server name in user IDs and room aliases (@user:server_name). It cannot be changed later: rooms and users carry it."},
		{key: "homeserver.data", flag: "data", def: "",
			about: "Directory to keep users, rooms and messages in. Empty keeps everything in memory and forgets it at exit."},
		{key: "homeserver.registration", flag: "registration", def: "open", check: checkRegistration,
			about: "Who may register: open (anybody), token (who knows one of registration_tokens), closed (nobody)."},
		{key: "homeserver.registration_tokens", def: []string{}, secret: true,
			about: "Tokens that allow registration when it is token-gated."},
		{key: "homeserver.guests", flag: "guests", def: true,
			about: "Whether guests without an account may come in."},
		{key: "homeserver.max_delay", def: "24h", check: checkMaxDelay,
			about: "Longest delay of a delayed event (MSC4140), by which a crashed device leaves its call."},
		{key: "homeserver.rate_limits", def: []string{"login=0.5/20", "register=0.5/20"}, check: checkRateLimits,
			about: "Limits as class=requests a second/burst, for each user, or address before login. Classes: login, register, create, join, message, state, to_device, delayed, keys, sync, read, turn, other, or one endpoint such as PUT /sendToDevice/{type}/{txn}. What is not listed is not limited."},

		{key: "turn.uris", flag: "turn-uri", def: []string{}, check: checkTURN,
			about: "TURN and STUN servers that the embedded homeserver names to its clients, such as turn:turn.example.org:3478?transport=udp. Needed for people behind symmetric NAT, unless relay.listen starts our own; none is needed in one network."},
		{key: "turn.username", def: "", about: "User name at the TURN server."},
		{key: "turn.password", def: "", secret: true, about: "Password at the TURN server."},
		{key: "turn.ttl", def: "24h", about: "How long clients may use these credentials before they ask again."},

		{key: "media.port", flag: "media-port", def: 0, check: checkPort,
			about: "One UDP port, and the TCP port of the same number, for all media of the test card; the viewer takes the next one, and what forwards (forward.enabled) the one after. 0 takes any free ones."},
		{key: "media.tcp", flag: "media-tcp", def: true,
			about: "Whether media may also come over ICE-TCP, for networks that block UDP."},
		{key: "media.loopback", flag: "media-loopback", def: true,
			about: "Whether a machine without any other address offers its loopback addresses, so that the parties on it meet."},
		{key: "media.external", flag: "media-external", def: []string{}, check: checkExternal,
			about: "Public addresses in front of this machine: 203.0.113.5, or 203.0.113.5/10.0.0.2 when it has several."},
		{key: "media.relay", flag: "media-relay", def: "auto", check: checkRelay,
			about: "When media goes through TURN only, which hides addresses from the other members: auto (in public rooms, if a TURN server is known), always, never."},
		{key: "media.encryption", flag: "media-encryption", def: "auto", check: checkFrames,
			about: "When guests and this daemon's own parties encrypt sound and picture once more, from end to end, with keys that travel inside Olm: auto (in encrypted rooms whose media a focus forwards; between two devices the connection does it), on, off. All in a call have to do the same."},
		{key: "media.adaptive", flag: "media-adaptive", def: true,
			about: "Whether what the lobby's parties send to each other member is paced by an estimate of what the way there carries (docs/bwe.md), with one upload for all, and pauses the picture where it does not fit. Switched off, it leaves at the rate at which it was encoded."},
		{key: "media.ecn", flag: "media-ecn", def: false,
			about: "Whether media to those who report by RFC 8888 is marked ECT(1) (L4S, RFC 9330), so that queues can tell of themselves before they are long, and marks of what arrives are reported. Linux. Off, because some networks drop what is marked or send it another way; a path on which no mark comes through goes on without (docs/bwe.md)."},
		{key: "media.max_members", flag: "max-members", def: 8, check: checkMaxMembers,
			about: "Largest call that guests and this daemon's own parties join. In a mesh everybody sends to everybody, so upload grows with every member."},

		{key: "lobby.enabled", flag: "lobby", def: true,
			about: "Whether there is a lobby room, #lobby:server_name, that anybody may join."},
		{key: "lobby.name", def: "Lobby", about: "Name of the lobby room."},
		{key: "lobby.test_card", flag: "test-card", def: true,
			about: "Whether a test card plays in the lobby, so that a newcomer alone sees and hears something."},
		{key: "lobby.viewer", flag: "viewer", def: true,
			about: "Whether a second headless party watches the test card, which shows a call without any client."},
		{key: "lobby.encrypt", flag: "lobby-encrypt", def: "prefer", check: checkEncrypt,
			about: "Encryption of the lobby parties' signalling: require (Olm or nothing), prefer (Olm where the other device has keys), off (clear text)."},

		{key: "call.new", flag: "new-calls", def: true,
			about: "Whether anybody who opens the page may make calls of their own. Calls that there are stay open to those who know the link."},
		{key: "call.max_calls", def: 1000, check: checkMaxCalls,
			about: "How many calls there may be besides the lobby."},
		{key: "call.keep", def: "720h", check: checkKeep,
			about: "How long a call is kept that nobody is in. Its link stops working then."},
		{key: "call.origins", def: []string{}, check: checkOrigins,
			about: "Origins (https://example.org) of other sites whose pages may make calls here and take part in them. Our own pages, and those under public_url, always may."},
		{key: "call.trust", flag: "call-trust", def: "cross_signed", check: checkTrust,
			about: "Which devices with keys guests and the lobby's parties talk to: any; known (those that keep the keys they were first seen with); cross_signed (signed by their owner, where the owner signs devices). Others see why on their place in the call. Clear text is another matter, see lobby.encrypt."},
		{key: "call.max_sockets", def: 1000, check: checkMaxSockets,
			about: "How many browsers may be connected at once."},
		{key: "call.max_sockets_per_address", def: 64,
			about: "How many browsers may be connected from one address; of IPv6 a network of 64 bits counts as one. Behind a reverse proxy this needs trusted_proxies."},
		{key: "call.grace", def: "30s", check: checkGrace,
			about: "How long a browser may be away, as in a tunnel, before it has left the call."},

		{key: "appservice.homeserver", def: "", check: checkAppservice,
			about: "Base URL of another homeserver, such as a Synapse of yours, on which calls that people make are to be: its users can then be in them. Its operator loads what `meshfocus config registration` prints. Empty keeps calls on the embedded homeserver; the lobby always is."},
		{key: "appservice.server_name", def: "",
			about: "Server name of that homeserver (the part of user IDs behind the colon), for the registration."},
		{key: "appservice.as_token", def: "", secret: true,
			about: "Our token with that homeserver, as in the registration."},
		{key: "appservice.hs_token", def: "", secret: true,
			about: "Its token with us, as in the registration. Nothing is pushed to us, so it only has to be there."},
		{key: "appservice.sender", def: "meshfocus",
			about: "Localpart of our own user on that homeserver, who makes the rooms."},
		{key: "appservice.create_devices", def: false,
			about: "Whether the registration asks for devices without login (MSC4190), needed with matrix-authentication-service."},
	}
}

func logSettings() []setting {
	return []setting{
		{key: "log.level", flag: "log-level", def: "info", check: checkLevel,
			about: "Lowest level that is logged: debug, info, warn or error."},
		{key: "log.format", flag: "log-format", def: "text", check: checkFormat,
			about: "Form of the log: text or json."},
	}
}

func checkListen(c Config) error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "" {
		return fmt.Errorf("%q is not an address to listen on; write host:port such as 127.0.0.1:8008, or :8008 for all interfaces", c.Listen)
	}
	if !c.TLS.on() && !c.InsecureHTTP && !isLoopback(host) {
		return fmt.Errorf("%s is reachable from other machines, where plain HTTP shows every link and gets no camera; "+
			"use --self-signed, --tls-cert and --tls-key, or --acme for HTTPS, or --insecure-http if a reverse proxy in front speaks HTTPS", c.Listen)
	}
	return nil
}

// isLoopback says whether only this machine reaches a host of --listen.
func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

func checkProxies(c Config) error {
	_, err := proxies(c.TrustedProxies)
	return err
}

// proxies reads addresses and networks; the first that is none is the error.
func proxies(list []string) (networks []netip.Prefix, err error) {
	for _, text := range list {
		network, err := netip.ParsePrefix(text)
		if address, single := netip.ParseAddr(text); single == nil {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is no address and no network; write 10.0.0.2 or 10.0.0.0/8", text)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

func checkTLS(c Config) error {
	t := c.TLS
	if (t.Cert == "") != (t.Key == "") {
		return fmt.Errorf("a certificate and its key belong together; give both --tls-cert and --tls-key")
	}
	ways := 0
	for _, way := range []bool{t.Cert != "", t.SelfSigned, len(t.ACME) > 0} {
		if way {
			ways++
		}
	}
	if ways > 1 {
		return fmt.Errorf("there are %d sources of certificates; choose one of tls.cert with tls.key, tls.self_signed, tls.acme", ways)
	}
	return nil
}

func checkACME(c Config) error {
	if len(c.TLS.ACME) > 0 && c.Homeserver.Data == "" {
		return fmt.Errorf("certificates have to be kept, because authorities give few; set homeserver.data (--data DIR)")
	}
	for _, domain := range c.TLS.ACME {
		if !strings.Contains(domain, ".") || strings.ContainsAny(domain, "/:* ") {
			return fmt.Errorf("%q is not a domain to get a certificate for; write call.example.org", domain)
		}
	}
	return nil
}

func checkDirectory(c Config) error {
	if !strings.HasPrefix(c.TLS.Directory, "https://") {
		return fmt.Errorf("%q is not the directory of an ACME authority; write %s", c.TLS.Directory, letsEncrypt)
	}
	return nil
}

func checkACMEHTTP(c Config) error {
	if _, _, err := net.SplitHostPort(c.TLS.HTTP); c.TLS.HTTP != "" && err != nil {
		return fmt.Errorf("%q is not an address to listen on; write :80, or nothing for the challenge on port 443 only", c.TLS.HTTP)
	}
	return nil
}

func checkPublicURL(c Config) error {
	if c.PublicURL == "" || strings.HasPrefix(c.PublicURL, "https://") || strings.HasPrefix(c.PublicURL, "http://") {
		return nil
	}
	return fmt.Errorf("%q is not a base URL; write https://matrix.example.org", c.PublicURL)
}

func checkServerName(c Config) error {
	name := c.Homeserver.ServerName
	if name == "" || strings.ContainsAny(name, "/@#! ") {
		return fmt.Errorf("%q is not a server name; write a host name with an optional port, such as example.org", name)
	}
	return nil
}

func checkRegistration(c Config) error {
	if err := oneOf(c.Homeserver.Registration, "open", "token", "closed"); err != nil {
		return err
	}
	if c.Homeserver.Registration == "token" && len(c.Homeserver.RegistrationTokens) == 0 {
		return fmt.Errorf("registration is token-gated but homeserver.registration_tokens is empty; list at least one token")
	}
	return nil
}

func checkMaxDelay(c Config) error {
	if c.Homeserver.MaxDelay < 10*time.Second {
		return fmt.Errorf("%s is too short for a delayed leave; use at least 10s", c.Homeserver.MaxDelay)
	}
	return nil
}

func checkRateLimits(c Config) error {
	_, err := rateLimits(c.Homeserver.RateLimits)
	return err
}

// rateLimits reads the list; every fault is reported.
func rateLimits(list []string) (map[homeserver.Class]homeserver.Limit, error) {
	limits := map[homeserver.Class]homeserver.Limit{}
	var faults []error
	for _, text := range list {
		class, limit, err := homeserver.ParseLimit(text)
		limits[class] = limit
		faults = append(faults, err)
	}
	return limits, errors.Join(faults...)
}

func checkTURN(c Config) error {
	for _, uri := range c.TURN.URIs {
		scheme, rest, found := strings.Cut(uri, ":")
		if !found || rest == "" || oneOf(scheme, "turn", "turns", "stun", "stuns") != nil {
			return fmt.Errorf("%q is not a TURN or STUN address; write turn:host:3478?transport=udp, turns:host:443 or stun:host:3478", uri)
		}
		if strings.HasPrefix(scheme, "turn") && (c.TURN.Username == "" || c.TURN.Password == "") {
			return fmt.Errorf("%q needs turn.username and turn.password", uri)
		}
	}
	return nil
}

func checkPort(c Config) error {
	if c.Media.Port < 0 || c.Media.Port > 65535 {
		return fmt.Errorf("%d is not a port; use 1 to 65535, or 0 for any free one", c.Media.Port)
	}
	return nil
}

// checkTrust: nobody is there to verify devices for guests.
func checkTrust(c Config) error { return oneOf(c.Call.Trust, "any", "known", "cross_signed") }

func checkExternal(c Config) error {
	for _, external := range c.Media.External {
		for part := range strings.SplitSeq(external, "/") {
			if _, err := netip.ParseAddr(part); err != nil {
				return fmt.Errorf("%q is not an address mapping; write 203.0.113.5, or public/local as in 203.0.113.5/10.0.0.2", external)
			}
		}
	}
	return nil
}

func checkRelay(c Config) error { return oneOf(c.Media.Relay, "auto", "always", "never") }

func checkFrames(c Config) error {
	if c.Media.Encryption == "on" && c.Lobby.Enabled && c.Lobby.Encrypt == "off" {
		return fmt.Errorf("the keys of frames travel inside Olm, which lobby.encrypt (off) leaves out; use prefer or require there")
	}
	return oneOf(c.Media.Encryption, "auto", "on", "off")
}

func checkMaxMembers(c Config) error {
	if c.Media.MaxMembers < 2 || c.Media.MaxMembers > 64 {
		return fmt.Errorf("%d members make no mesh; use 2 to 64", c.Media.MaxMembers)
	}
	return nil
}

func checkEncrypt(c Config) error { return oneOf(c.Lobby.Encrypt, encryptModes...) }

func checkMaxCalls(c Config) error {
	if c.Call.MaxCalls < 1 {
		return fmt.Errorf("%d calls are none; use 1 or more, and call.new to let nobody make calls", c.Call.MaxCalls)
	}
	return nil
}

func checkKeep(c Config) error {
	if c.Call.Keep < time.Minute {
		return fmt.Errorf("%s is too short to send somebody a link; use at least 1m", c.Call.Keep)
	}
	return nil
}

func checkOrigins(c Config) error {
	for _, origin := range c.Call.Origins {
		if originOf(origin) != origin {
			return fmt.Errorf("%q is not an origin; write https://example.org, without a path", origin)
		}
	}
	return nil
}

// originOf cuts an address down to scheme, host and port; "" when it is none.
func originOf(address string) string {
	at, err := url.Parse(address)
	if err != nil || at.Host == "" || oneOf(at.Scheme, "http", "https") != nil {
		return ""
	}
	return at.Scheme + "://" + at.Host
}

func checkMaxSockets(c Config) error {
	if c.Call.MaxSockets < 1 || c.Call.MaxPerAddress < 1 {
		return fmt.Errorf("with %d sockets, %d for each address, nobody can take part; use 1 or more", c.Call.MaxSockets, c.Call.MaxPerAddress)
	}
	return nil
}

func checkAppservice(c Config) error {
	if c.Appservice.Homeserver == "" {
		return nil
	}
	return c.Appservice.service().Validate()
}

func checkGrace(c Config) error {
	if c.Call.Grace < time.Second || c.Call.Grace > time.Hour {
		return fmt.Errorf("%s is no time that somebody may be away; use 1s to 1h", c.Call.Grace)
	}
	return nil
}

func checkLevel(c Config) error { return oneOf(c.Log.Level, "debug", "info", "warn", "error") }

func checkFormat(c Config) error { return oneOf(c.Log.Format, "text", "json") }

// encryptModes are the values of an encrypt setting (decision D23).
var encryptModes = []string{"require", "prefer", "off"}

// oneOf tells which values would be right when value is not among them.
func oneOf(value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("%q is unknown; use %s", value, strings.Join(allowed, ", "))
}
