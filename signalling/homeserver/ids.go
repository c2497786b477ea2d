package homeserver

import (
	"strings"
	"unicode/utf8"
)

// validUserID says whether id looks like @localpart:server (appendices, "User
// identifiers", with the historical characters).
func validUserID(id string) bool {
	if len(id) > maxField || !strings.HasPrefix(id, "@") {
		return false
	}
	local, server, found := strings.Cut(id[1:], ":")
	if !found || local == "" || server == "" {
		return false
	}
	for _, c := range local {
		if c < 0x21 || c > 0x7e {
			return false
		}
	}
	return !strings.ContainsAny(server, " /\\\x00")
}

// validLocalpart is the grammar for new users: a-z, 0-9 and ._=-/+.
func validLocalpart(local string) bool {
	if local == "" {
		return false
	}
	for _, c := range local {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("._=-/+", c) {
			return false
		}
	}
	return true
}

// validDeviceID bounds what a client may call its device.
func validDeviceID(id string) bool {
	return len(id) <= maxField && utf8.ValidString(id) && !strings.ContainsAny(id, "\x00/\\*")
}

// localpart cuts a full ID of this server, or takes a bare localpart.
func (m *model) localpart(id string) (string, bool) {
	if !strings.HasPrefix(id, "@") {
		return id, true
	}
	local, server, found := strings.Cut(id[1:], ":")
	return local, found && server == m.name
}

// cutLocalpart takes the localpart out of a user ID.
func cutLocalpart(id string) (local string, ok bool) {
	local, _, ok = strings.Cut(strings.TrimPrefix(id, "@"), ":")
	return local, ok
}
