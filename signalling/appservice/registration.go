package appservice

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Registration is the YAML file that the homeserver's operator loads, in
// Synapse under app_service_config_files. It holds both tokens: keep it as
// secret as they are (Application Service API, registration).
func Registration(config Config) ([]byte, error) {
	config = config.withDefaults()
	switch {
	case config.ServerName == "":
		return nil, errors.New("registration: the server name is missing: give the part of user IDs behind the colon")
	case config.HSToken == "":
		return nil, errors.New("registration: hs_token is empty: a homeserver loads no registration without one")
	case !localpart.MatchString(config.SenderLocalpart) || !localpart.MatchString(config.UserPrefix):
		return nil, fmt.Errorf("registration: sender %q and user prefix %q: use lower-case letters, digits and ._=/+-", config.SenderLocalpart, config.UserPrefix)
	}
	if err := config.validateTokens(); err != nil {
		return nil, fmt.Errorf("registration: %w", err)
	}
	users := "@" + regexp.QuoteMeta(config.UserPrefix) + ".*:" + regexp.QuoteMeta(config.ServerName)
	var b strings.Builder
	line := func(format string, values ...string) {
		quoted := make([]any, len(values))
		for i, value := range values {
			text, _ := json.Marshal(value) // every JSON string is a YAML one
			quoted[i] = text
		}
		fmt.Fprintf(&b, format+"\n", quoted...)
	}
	line("# Lets meshfocus make devices for guests. Secret: it holds tokens.")
	line("id: %s", config.ID)
	line("url: null # nothing is pushed, guests sync")
	line("as_token: %s", config.ASToken)
	line("hs_token: %s", config.HSToken)
	line("sender_localpart: %s", config.SenderLocalpart)
	line("rate_limited: false")
	if config.CreateDevices {
		line("io.element.msc4190: true")
		line("org.matrix.msc3202: true")
	}
	line("namespaces:")
	line("  users:")
	line("    - exclusive: true")
	line("      regex: %s", users)
	line("  aliases: []")
	line("  rooms: []")
	return []byte(b.String()), nil
}
