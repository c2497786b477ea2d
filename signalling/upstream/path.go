package upstream

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"meshfocus/signalling/message"
)

// endpoint is what a path means to us.
type endpoint uint8

const (
	elsewhere    endpoint = iota // the homeserver's alone
	versions                     // /versions
	capabilities                 // /capabilities
	wellKnown                    // /.well-known/matrix/client
	transports                   // rtc/transports, on either path
	state                        // a state event of a room
	send                         // a message to a room
	schedule                     // a delayed event of a room, with the delay in the body
	delayed                      // the list of delayed events
	manage                       // one delayed event, with or without action
	logout                       // of one device
	logoutAll                    // of all devices of the user
)

// target is a path taken apart. Fields are decoded; those that the endpoint
// does not have are empty.
type target struct {
	endpoint endpoint
	room     string
	kind     string // event type
	key      string // state key
	txn      string
	id       string // delay ID
	action   string // restart, cancel or send in the new form, else ""
	stable   bool   // schedule and manage: by the name without a prefix
}

const (
	clientPrefix   = "/_matrix/client/"
	pathVersions   = clientPrefix + "versions"
	pathWellKnown  = "/.well-known/matrix/client"
	pathTransports = clientPrefix + "v1/rtc/transports" // beside the unstable one
	pathWhoami     = clientPrefix + "v3/account/whoami"

	// Of delayed events as they were accepted (MSC4140): the list has no
	// stable name, it went to MSC4486.
	unstableRooms = clientPrefix + "unstable/" + message.FeatureDelayedEvents + "/rooms/"
	stableDelayed = clientPrefix + "v1/delayed_events/"
)

// apiVersions are those under which homeservers serve the same endpoints.
var apiVersions = map[string]bool{"r0": true, "v1": true, "v3": true, "unstable": true}

// match takes a path apart as it stood in the request, still escaped: room IDs
// and state keys hold escaped slashes, which only a segment by itself may
// decode. A path that a homeserver could read in another way than we (empty
// segments, dots) is elsewhere.
func match(escaped string) target {
	switch escaped {
	case pathVersions:
		return target{endpoint: versions}
	case pathWellKnown:
		return target{endpoint: wellKnown}
	case pathTransports, message.PathTransports:
		return target{endpoint: transports}
	case message.PathDelayedEvents:
		return target{endpoint: delayed}
	}
	if rest, found := strings.CutPrefix(escaped, message.PathDelayedEvents+"/"); found {
		return matchManage(rest, false)
	}
	if rest, found := strings.CutPrefix(escaped, stableDelayed); found {
		return matchManage(rest, true)
	}
	if rest, found := strings.CutPrefix(escaped, unstableRooms); found {
		return matchSchedule(rest, false)
	}
	return matchVersioned(escaped)
}

// matchVersioned reads the paths that there are under several versions.
func matchVersioned(escaped string) target {
	rest, found := strings.CutPrefix(escaped, clientPrefix)
	version, rest, more := strings.Cut(rest, "/")
	if !found || !more || !apiVersions[version] {
		return target{}
	}
	switch rest {
	case "capabilities":
		return target{endpoint: capabilities}
	case "logout":
		return target{endpoint: logout}
	case "logout/all":
		return target{endpoint: logoutAll}
	}
	if rest, found = strings.CutPrefix(rest, "rooms/"); !found {
		return target{}
	}
	if at := matchSchedule(rest, true); at.endpoint == schedule && version == "v3" {
		return at
	}
	return matchRoom(rest)
}

// matchSchedule reads {room}/delayed_event/{type}/{txn}.
func matchSchedule(rest string, stable bool) target {
	parts, ok := decode(strings.Split(rest, "/"))
	if !ok || len(parts) != 4 || parts[1] != "delayed_event" {
		return target{}
	}
	return target{endpoint: schedule, room: parts[0], kind: parts[2], txn: parts[3], stable: stable}
}

// matchManage reads {id} and {id}/{action}.
func matchManage(rest string, stable bool) target {
	parts, ok := decode(strings.Split(rest, "/"))
	switch {
	case !ok || len(parts) > 2:
		return target{}
	case len(parts) == 1:
		return target{endpoint: manage, id: parts[0], stable: stable}
	}
	return target{endpoint: manage, id: parts[0], action: parts[1], stable: stable}
}

// matchRoom reads {room}/state/{type}, {room}/state/{type}/{key} with an empty
// key too, and {room}/send/{type}/{txn}.
func matchRoom(rest string) target {
	parts := strings.Split(rest, "/")
	if len(parts) == 4 && parts[1] == "state" && parts[3] == "" {
		parts = parts[:3]
	}
	parts, ok := decode(parts)
	switch {
	case !ok:
	case len(parts) == 3 && parts[1] == "state":
		return target{endpoint: state, room: parts[0], kind: parts[2]}
	case len(parts) == 4 && parts[1] == "state":
		return target{endpoint: state, room: parts[0], kind: parts[2], key: parts[3]}
	case len(parts) == 4 && parts[1] == "send":
		return target{endpoint: send, room: parts[0], kind: parts[2], txn: parts[3]}
	}
	return target{}
}

// decode unescapes each segment; ok is false when one could be misread.
func decode(parts []string) (plain []string, ok bool) {
	for _, part := range parts {
		text, err := url.PathUnescape(part)
		if err != nil || text == "" || text == "." || text == ".." || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return nil, false
		}
		plain = append(plain, text)
	}
	return plain, true
}
