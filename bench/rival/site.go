package rival

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// site is where a LiveKit is, which room is used there, and what lets parties in.
type site struct {
	address     string // its URL, of whatever scheme
	key, secret string
	room        string
	// tokens are those that were given instead of key and secret, by names.
	tokens map[string]string
}

// publishes and subscribes are grants.
const (
	publishes  = `"canPublish":true,"canSubscribe":false`
	subscribes = `"canPublish":false,"canSubscribe":true`
)

// claims are what a token says (docs.livekit.io, "Authentication"); video has the grants.
type claims struct {
	Issuer  string          `json:"iss"`
	Subject string          `json:"sub"`
	Expires int64           `json:"exp"`
	Video   json.RawMessage `json:"video"`
}

// token is a JSON web token (RFC 7519) for an hour. Grants are members of JSON.
func (s site) token(name, grants string) string {
	if s.tokens != nil {
		return s.tokens[name]
	}
	encode := base64.RawURLEncoding.EncodeToString
	video := fmt.Sprintf(`{"room":%q,"roomJoin":true,%s}`, s.room, grants)
	body, err := json.Marshal(claims{s.key, name, time.Now().Add(time.Hour).Unix(), json.RawMessage(video)})
	if err != nil {
		panic(err) // grants are ours, and rooms plain words
	}
	signed := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(body)
	mac := hmac.New(sha256.New, []byte(s.secret))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

// dial opens a websocket for somebody. The error is a line, without the token.
func (s site) dial(ctx context.Context, name, grants string) (*websocket.Conn, error) {
	at, err := url.Parse(s.address)
	if err != nil {
		return nil, errors.New("what was given is no URL")
	}
	switch at.Scheme {
	case "http":
		at.Scheme = "ws"
	case "https":
		at.Scheme = "wss"
	}
	at = at.JoinPath("rtc")
	token := s.token(name, grants)
	at.RawQuery = url.Values{
		"access_token": {token}, "protocol": {strconv.Itoa(liveKitProtocol)}, "auto_subscribe": {"1"}, "sdk": {"go"},
	}.Encode()
	socket, response, err := websocket.DefaultDialer.DialContext(ctx, at.String(), nil)
	if err == nil {
		return socket, nil
	}
	if response == nil {
		return nil, fmt.Errorf("%s does not answer: %w", shown(s.address), err)
	}
	body, _ := io.ReadAll(response.Body) // what the dialer kept of it
	says := brief(strings.ReplaceAll(string(body), token, "..."))
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, fmt.Errorf("%s: %s: the token is refused, for its key or its secret: %s", shown(s.address), response.Status, says)
	}
	return nil, fmt.Errorf("%s is no LiveKit: %s: %s", shown(s.address), response.Status, says)
}

// LiveKitAt is a LiveKit that somebody else has started. Each round has a room of its
// own there, which the server has to make when the first one joins (room.auto_create).
type LiveKitAt struct {
	// URL is as LiveKit's clients are given it: wss://host, or with http.
	URL         string
	Key, Secret string
	// Process is its number, if it runs here: only then its usage counts.
	Process int
}

// Name is "livekit-at".
func (LiveKitAt) Name() string { return "livekit-at" }

// site gives one with a room that nobody else is in.
func (k LiveKitAt) site() site {
	return site{address: k.URL, key: k.Key, secret: k.Secret, room: "meshbench-" + rand.Text()[:10]}
}

// Version joins a room, and gives what it says of itself then. The error, ErrMissing,
// says what is wrong with the address, the key or the secret.
func (k LiveKitAt) Version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	socket, err := k.site().dial(ctx, "meshbench", subscribes)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMissing, err)
	}
	defer socket.Close()
	join, err := joined(ctx, socket)
	if err != nil {
		return "", fmt.Errorf("%w: %s is no LiveKit: %w", ErrMissing, shown(k.URL), err)
	}
	_ = socket.WriteMessage(websocket.BinaryMessage, appendBytes(nil, requestLeave, ""))
	return strings.TrimSpace(brief(string(join.bytes[joinVersion])) + " at " + host(k.URL)), nil
}

// joined reads until a server says that one has joined.
func joined(ctx context.Context, socket *websocket.Conn) (join protobuf, err error) {
	if at, ok := ctx.Deadline(); ok {
		_ = socket.SetReadDeadline(at) // never fails
	}
	for {
		_, data, err := socket.ReadMessage()
		if err != nil {
			return join, err
		}
		response, err := readProtobuf(data)
		if err != nil {
			return join, err
		}
		if content, ok := response.bytes[responseJoin]; ok {
			return readProtobuf(content)
		}
	}
}

// Start starts nothing: it gives a room that all leave with Stop.
func (k LiveKitAt) Start(context.Context, Place, Options) (Server, error) {
	return &liveKitAt{liveKit{site: k.site(), tracks: make(map[string]string)}, k.Process}, nil
}

// liveKitAt is one room.
type liveKitAt struct {
	liveKit
	number int
}

// PID is 0 where the server does not run here.
func (k *liveKitAt) PID() int { return k.number }

// Stop has all leave.
func (k *liveKitAt) Stop() error {
	k.leave()
	return nil
}
