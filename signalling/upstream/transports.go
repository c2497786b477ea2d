package upstream

import (
	"encoding/json"
	"net/http"
)

// getTransports answers whoever has an account, guests too (decision D14).
// The list stands under the key of the text and under the one that clients
// read (decision D16).
func (s *Server) getTransports(r *http.Request, _ target) ([]byte, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, unrecognized(http.StatusMethodNotAllowed)
	}
	if _, err := s.who(r); err != nil {
		return nil, err
	}
	return json.Marshal(map[string][]json.RawMessage{
		"rtc_transports": s.config.Transports, "transports": s.config.Transports,
	})
}
