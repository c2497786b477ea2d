package turn

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Secret is shared by a relay and who gives out its credentials: a user's name is
// "expiry:user", expiry in seconds since 1970, and the password an HMAC-SHA1 of that name
// (draft-uberti-behave-turn-rest-00 section 2.2), as with coturn's use-auth-secret.
type Secret string

// Credentials are good for allocations until an instant.
func (s Secret) Credentials(user string, until time.Time) (username, password string) {
	username = strconv.FormatInt(until.Unix(), 10) + ":" + user
	return username, s.password(username)
}

func (s Secret) password(username string) string {
	mac := hmac.New(sha1.New, []byte(s))
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// parse takes a user name apart; without ":user" all who have it are one user. ok is false
// for what is no name of this form.
func parse(username string) (user string, expiry time.Time, ok bool) {
	seconds, user, _ := strings.Cut(username, ":")
	at, err := strconv.ParseInt(seconds, 10, 64)
	return user, time.Unix(at, 0), err == nil && at > 0
}
