package appservice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Service is our standing with one homeserver. It holds no connection and no
// state but what Open has learnt.
type Service struct {
	config Config
	sender string // our own user's ID
	server string // behind the colon
}

// Credentials are what signalling/matrix needs for a guest's account:
// Homeserver, Token, DeviceID and Transport go into its Config as they are.
type Credentials struct {
	Homeserver string
	UserID     string
	DeviceID   string
	Token      string
	// Transport is nil for a token of the device's own; else the token is
	// ours, and only this transport makes it the guest's.
	Transport http.RoundTripper
}

// Open asks the homeserver who we are. The error carries ErrRegistration when
// it does not know us.
func Open(ctx context.Context, config Config) (*Service, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("application service: %w", err)
	}
	s := &Service{config: config.withDefaults()}
	var who struct {
		UserID string `json:"user_id"`
	}
	err := s.call(ctx, s.ours(""), http.MethodGet, []string{"account", "whoami"}, struct{}{}, &who)
	local, server, ok := strings.Cut(strings.TrimPrefix(who.UserID, "@"), ":")
	switch {
	case isCode(err, "M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_FORBIDDEN"):
		return nil, fmt.Errorf("application service: %w: %w; load the registration there, or set its as_token here", ErrRegistration, err)
	case err != nil:
		return nil, fmt.Errorf("application service: %w", err)
	case !ok || local != s.config.SenderLocalpart:
		return nil, fmt.Errorf("application service: %w: the token belongs to %s, should be %s", ErrRegistration, who.UserID, s.config.SenderLocalpart)
	case s.config.ServerName != "" && s.config.ServerName != server:
		return nil, fmt.Errorf("application service: %w: the homeserver is %s, should be %s", ErrRegistration, server, s.config.ServerName)
	}
	s.sender, s.server = who.UserID, server
	return s, nil
}

// ServerName is the part of our users' IDs behind the colon.
func (s *Service) ServerName() string { return s.server }

// Issue makes a device for a guest, and the user if there is none yet. The
// same names give the same device again, with a token that replaces the last.
// local has to begin with the user prefix.
func (s *Service) Issue(ctx context.Context, local, deviceID, deviceName string) (Credentials, error) {
	if !strings.HasPrefix(local, s.config.UserPrefix) || !localpart.MatchString(local) {
		return Credentials{}, fmt.Errorf("guest %q: its name has to begin with %q", local, s.config.UserPrefix)
	}
	credentials := Credentials{Homeserver: s.config.Homeserver, UserID: "@" + local + ":" + s.server, DeviceID: deviceID}
	if err := s.register(ctx, local); err != nil {
		return Credentials{}, fmt.Errorf("guest %s: %w", credentials.UserID, err)
	}
	err := s.logIn(ctx, &credentials, deviceName)
	// The second code is that of MSC4190 before it was merged.
	if isCode(err, "M_APPSERVICE_LOGIN_UNSUPPORTED", "IO.ELEMENT.MSC4190.M_APPSERVICE_LOGIN_UNSUPPORTED", "M_UNRECOGNIZED") {
		err = s.makeDevice(ctx, &credentials, deviceName)
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("guest %s: device %s: %w", credentials.UserID, deviceID, err)
	}
	return credentials, nil
}

func (s *Service) register(ctx context.Context, local string) error {
	body := map[string]any{"type": "m.login.application_service", "username": local, "inhibit_login": true}
	err := s.call(ctx, s.ours(""), http.MethodPost, []string{"register"}, body, nil)
	if isCode(err, "M_USER_IN_USE") {
		return nil
	}
	return err
}

func (s *Service) logIn(ctx context.Context, c *Credentials, deviceName string) error {
	body := map[string]any{
		"type": "m.login.application_service", "identifier": map[string]string{"type": "m.id.user", "user": c.UserID},
		"device_id": c.DeviceID, "initial_device_display_name": deviceName,
	}
	var answer struct {
		Token    string `json:"access_token"`
		DeviceID string `json:"device_id"`
	}
	if err := s.call(ctx, s.ours(""), http.MethodPost, []string{"login"}, body, &answer); err != nil {
		return err
	}
	if answer.Token == "" || answer.DeviceID != c.DeviceID {
		return fmt.Errorf("the homeserver gave device %q and a token of %d bytes", answer.DeviceID, len(answer.Token))
	}
	c.Token = answer.Token
	return nil
}

// makeDevice is MSC4190.
func (s *Service) makeDevice(ctx context.Context, c *Credentials, deviceName string) error {
	body := map[string]string{"display_name": deviceName}
	if err := s.call(ctx, s.ours(c.UserID), http.MethodPut, []string{"devices", c.DeviceID}, body, nil); err != nil {
		return err
	}
	c.Token = s.config.ASToken
	c.Transport = masquerade{next: s.config.Transport, user: c.UserID, device: c.DeviceID}
	return nil
}

// Bring takes a guest into a room that our sender may invite to.
func (s *Service) Bring(ctx context.Context, roomID string, c Credentials) error {
	err := s.call(ctx, s.ours(""), http.MethodPost, []string{"rooms", roomID, "invite"}, map[string]string{"user_id": c.UserID}, nil)
	if err != nil && !isCode(err, "M_FORBIDDEN") { // it may be there already, or the room be open
		return fmt.Errorf("invite %s to %s: %w", c.UserID, roomID, err)
	}
	if err := s.call(ctx, s.ours(c.UserID), http.MethodPost, []string{"join", roomID}, struct{}{}, nil); err != nil {
		return fmt.Errorf("join %s as %s: %w", roomID, c.UserID, err)
	}
	return nil
}

// Retire takes a guest out of a room and ends its device. The user stays: no
// service can delete one, and it has nothing left.
func (s *Service) Retire(ctx context.Context, roomID string, c Credentials) error {
	left := s.call(ctx, s.ours(c.UserID), http.MethodPost, []string{"rooms", roomID, "leave"}, struct{}{}, nil)
	var ended error
	if c.Transport == nil {
		ended = s.call(ctx, as{token: c.Token}, http.MethodPost, []string{"logout"}, struct{}{}, nil)
	} else {
		ended = s.call(ctx, s.ours(c.UserID), http.MethodDelete, []string{"devices", c.DeviceID}, struct{}{}, nil)
	}
	if err := errors.Join(left, ended); err != nil {
		return fmt.Errorf("retire %s: %w", c.UserID, err)
	}
	return nil
}

// callEvents are the state events that members of a call write.
var callEvents = []string{"org.matrix.msc3401.call", "org.matrix.msc3401.call.member"}

// CreateRoom makes the room of one call: by invitation only, where every
// member may write what a call needs. It gives the room ID.
func (s *Service) CreateRoom(ctx context.Context, name string) (roomID string, err error) {
	events := map[string]int{}
	for _, eventType := range callEvents {
		events[eventType] = 0
	}
	body := map[string]any{
		"name": name, "preset": "private_chat",
		"power_level_content_override": map[string]any{"events": events},
	}
	var answer struct {
		RoomID string `json:"room_id"`
	}
	if err := s.call(ctx, s.ours(""), http.MethodPost, []string{"createRoom"}, body, &answer); err != nil {
		return "", fmt.Errorf("make the room of a call: %w", err)
	}
	return answer.RoomID, nil
}

// ours is our own token, for our sender or for a user of ours.
func (s *Service) ours(user string) as { return as{token: s.config.ASToken, user: user} }
