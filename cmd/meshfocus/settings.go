package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

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
	Listen     string           `koanf:"listen"`
	PublicURL  string           `koanf:"public_url"`
	Homeserver HomeserverConfig `koanf:"homeserver"`
	TURN       TURNConfig       `koanf:"turn"`
	Media      MediaConfig      `koanf:"media"`
	Lobby      LobbyConfig      `koanf:"lobby"`
	Log        LogConfig        `koanf:"log"`
}

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

// LogConfig is about the daemon's log.
type LogConfig struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
}

// settings lists every setting in the order of the example file.
func settings() []setting {
	return []setting{
		{key: "listen", flag: "listen", def: "127.0.0.1:8008", check: checkListen,
			about: "Address of the homeserver and the status page. Plain HTTP: put a reverse proxy with TLS in front before opening it to others."},
		{key: "public_url", flag: "public-url", def: "",
			about: "Base URL that clients reach this homeserver under, for /.well-known/matrix/client. Empty means the listen address.", check: checkPublicURL},

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
			about: "TURN and STUN servers that the embedded homeserver names to its clients, such as turn:turn.example.org:3478?transport=udp. Needed for people behind symmetric NAT; none is needed in one network."},
		{key: "turn.username", def: "", about: "User name at the TURN server."},
		{key: "turn.password", def: "", secret: true, about: "Password at the TURN server."},
		{key: "turn.ttl", def: "24h", about: "How long clients may use these credentials before they ask again."},

		{key: "media.port", flag: "media-port", def: 0, check: checkPort,
			about: "One UDP port, and the TCP port of the same number, for all media of the test card; the viewer takes the next one. 0 takes any free ones."},
		{key: "media.tcp", flag: "media-tcp", def: true,
			about: "Whether media may also come over ICE-TCP, for networks that block UDP."},
		{key: "media.loopback", flag: "media-loopback", def: true,
			about: "Whether loopback addresses are offered as candidates, so that parties on this machine need no other network."},
		{key: "media.external", flag: "media-external", def: []string{}, check: checkExternal,
			about: "Public addresses in front of this machine: 203.0.113.5, or 203.0.113.5/10.0.0.2 when it has several."},
		{key: "media.relay", flag: "media-relay", def: "auto", check: checkRelay,
			about: "When media goes through TURN only, which hides addresses from the other members: auto (in public rooms, if a TURN server is known), always, never."},
		{key: "media.max_members", flag: "max-members", def: 8, check: checkMaxMembers,
			about: "Largest call that this daemon's parties join. In a mesh everybody sends to everybody, so upload grows with every member."},

		{key: "lobby.enabled", flag: "lobby", def: true,
			about: "Whether there is a lobby room, #lobby:server_name, that anybody may join."},
		{key: "lobby.name", def: "Lobby", about: "Name of the lobby room."},
		{key: "lobby.test_card", flag: "test-card", def: true,
			about: "Whether a test card plays in the lobby, so that a newcomer alone sees and hears something."},
		{key: "lobby.viewer", flag: "viewer", def: true,
			about: "Whether a second headless party watches the test card, which shows a call without any client."},
		{key: "lobby.encrypt", flag: "lobby-encrypt", def: "prefer", check: checkEncrypt,
			about: "Encryption of the lobby parties' signalling: require (Olm or nothing), prefer (Olm where the other device has keys), off (clear text)."},

		{key: "log.level", flag: "log-level", def: "info", check: checkLevel,
			about: "Lowest level that is logged: debug, info, warn or error."},
		{key: "log.format", flag: "log-format", def: "text", check: checkFormat,
			about: "Form of the log: text or json."},
	}
}

func checkListen(c Config) error {
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "" {
		return fmt.Errorf("%q is not an address to listen on; write host:port such as 127.0.0.1:8008, or :8008 for all interfaces", c.Listen)
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

func checkMaxMembers(c Config) error {
	if c.Media.MaxMembers < 2 || c.Media.MaxMembers > 64 {
		return fmt.Errorf("%d members make no mesh; use 2 to 64", c.Media.MaxMembers)
	}
	return nil
}

func checkEncrypt(c Config) error { return oneOf(c.Lobby.Encrypt, encryptModes...) }

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
