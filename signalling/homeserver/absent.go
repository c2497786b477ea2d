package homeserver

import "net/http"

// Endpoints that clients ask for at start and that have nothing behind them
// here: each gives the answer by which the specification says "none".

func (s *Server) getPushers(*request) (any, error) { return map[string][]any{"pushers": {}}, nil }

// setPusher accepts: nothing is ever pushed.
func (s *Server) setPusher(r *request) (any, error) {
	if _, err := r.object(); err != nil {
		return nil, err
	}
	return nothing{}, nil
}

func (s *Server) getNotifications(*request) (any, error) {
	return map[string][]any{"notifications": {}}, nil
}

func (s *Server) noBackup(*request) (any, error) { return nil, notFound("there is no key backup") }

func (s *Server) getProtocols(*request) (any, error) { return nothing{}, nil }

func (s *Server) getMediaConfig(*request) (any, error) {
	return map[string]int{"m.upload.size": 0}, nil
}

func (s *Server) refuseUpload(*request) (any, error) {
	return nil, forbidden("this server stores no media")
}

func (s *Server) noMedia(*request) (any, error) {
	return nil, refuse(http.StatusNotFound, codeNotFound, "this server stores no media")
}
