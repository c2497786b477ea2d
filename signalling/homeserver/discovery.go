package homeserver

import (
	"encoding/json"
	"maps"
	"time"

	"meshfocus/signalling/message"
)

// specVersions are the versions of the specification whose client-server API
// this server follows in what it offers.
var specVersions = []string{
	"r0.6.1", "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12",
}

// features are the unstable ones, with whether they are on. Delayed events
// can be switched off, see Config.MaxDelay.
var features = map[string]bool{
	message.FeatureDelayedEvents:          true,
	message.FeatureSticky:                 true,
	message.FeatureTransports:             true,
	message.FeatureTransports + ".stable": true, // on the stable path too
	"org.matrix.msc4222":                  true, // state_after in /sync
	"org.matrix.e2e_cross_signing":        true,
	"org.matrix.msc3882":                  true, // login/get_token
	"org.matrix.simplified_msc3575":       false,
}

func (s *Server) getVersions(*request) (any, error) {
	unstable := maps.Clone(features)
	unstable[message.FeatureDelayedEvents] = s.config.MaxDelay >= 0
	return map[string]any{"versions": specVersions, "unstable_features": unstable}, nil
}

// getWellKnown also lists the transports under the key that clients before
// the authenticated endpoint read; full_mesh entries carry no secrets.
func (s *Server) getWellKnown(r *request) (any, error) {
	base := s.config.BaseURL
	if base == "" {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		base = scheme + "://" + r.Host
	}
	answer := map[string]any{"m.homeserver": map[string]string{"base_url": base}}
	if len(s.config.Transports) > 0 {
		answer[message.FeatureTransports+".rtc_foci"] = s.config.Transports
	}
	return answer, nil
}

func (s *Server) getCapabilities(r *request) (any, error) {
	type enabled struct {
		Enabled bool `json:"enabled"`
	}
	s.model.mu.Lock()
	password := r.user.Password != ""
	s.model.mu.Unlock()
	capabilities := map[string]any{
		"m.change_password": enabled{password},
		"m.room_versions": map[string]any{
			"default":   roomVersionDefault,
			"available": map[string]string{roomVersion10: "stable", roomVersion11: "stable"},
		},
		"m.set_displayname": enabled{true},
		"m.set_avatar_url":  enabled{true},
		"m.3pid_changes":    enabled{false},
		"m.get_login_token": enabled{true},
		"m.profile_fields":  map[string]any{"enabled": true, "allowed": []string{fieldName, fieldAvatar}},
	}
	if s.config.MaxDelay >= 0 {
		capabilities[message.FeatureDelayedEvents+".delayed_events"] = map[string]any{
			"max_delay_ms":  s.config.MaxDelay.Milliseconds(),
			"max_scheduled": s.config.MaxDelayedPerUser,
		}
	}
	return map[string]any{"capabilities": capabilities}, nil
}

// getTurnServer answers {} when there is none, as Synapse does.
func (s *Server) getTurnServer(r *request) (any, error) {
	turn := s.config.Turn
	if turn == nil || len(turn.URIs) == 0 {
		return nothing{}, nil
	}
	lifetime := turn.Lifetime
	if lifetime <= 0 {
		lifetime = defaultTurnTTL
	}
	username, password := turn.Username, turn.Password
	if turn.Credentials != nil {
		username, password = turn.Credentials(r.user.id, lifetime)
	}
	return map[string]any{
		"username": username, "password": password, "uris": turn.URIs,
		"ttl": int64(lifetime / time.Second),
	}, nil
}

// getTransports answers {} when nothing is configured. The list stands under
// the key of the text and under the one that clients read (decision D16).
func (s *Server) getTransports(*request) (any, error) {
	if len(s.config.Transports) == 0 {
		return nothing{}, nil
	}
	return map[string][]json.RawMessage{
		"rtc_transports": s.config.Transports, "transports": s.config.Transports,
	}, nil
}
