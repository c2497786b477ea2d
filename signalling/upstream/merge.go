package upstream

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"

	"meshfocus/signalling/message"
)

// merge adds to the answers that tell what there is. One that is no JSON
// object passes as it is.
func (s *Server) merge(answer *http.Response, p passing) error {
	body, err := readAll(answer)
	if err != nil || body == nil || !p.known {
		return err
	}
	var merged []byte
	switch {
	case p.at.endpoint == versions && answer.StatusCode == http.StatusOK:
		merged = mergeVersions(body, p.has)
	case p.at.endpoint == capabilities && answer.StatusCode == http.StatusOK && !p.has.delayed:
		merged = mergeCapabilities(body, s.config)
	case p.at.endpoint == wellKnown && !p.has.transports:
		merged = s.mergeWellKnown(answer.StatusCode, body)
	}
	if merged == nil {
		return nil
	}
	if answer.StatusCode == http.StatusNotFound {
		answer.StatusCode, answer.Status = http.StatusOK, "200 OK"
		allowOrigins(answer.Header)
		answer.Header.Set("Content-Type", "application/json")
	}
	answer.Body = putBack{bytes.NewReader(merged), answer.Body}
	answer.ContentLength = int64(len(merged))
	answer.TransferEncoding = nil
	answer.Header.Set("Content-Length", strconv.Itoa(len(merged)))
	for _, name := range []string{"Etag", "Last-Modified", "Content-Md5", "Digest", "Accept-Ranges"} {
		answer.Header.Del(name)
	}
	return nil
}

// mergeVersions adds the flags of what we provide and the homeserver does not;
// nil means that there is nothing to add.
func mergeVersions(body []byte, has abilities) []byte {
	var answer, features map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil || answer == nil || json.Unmarshal(orObject(answer["unstable_features"]), &features) != nil {
		return nil
	}
	added := map[string]json.RawMessage{}
	if !has.delayed {
		added[message.FeatureDelayedEvents] = json.RawMessage("true")
		added[message.FeatureDelayedEvents+".stable"] = json.RawMessage("true")
	}
	if !has.transports {
		added[message.FeatureTransports] = json.RawMessage("true")
		added[message.FeatureTransports+".stable"] = json.RawMessage("true")
	}
	if len(added) == 0 {
		return nil
	}
	if features == nil {
		features = added
	}
	maps.Copy(features, added)
	return withMember(answer, "unstable_features", features)
}

// mergeCapabilities tells the limits of delayed events, also in place of those
// of a homeserver that says that they are 0 (MSC4140, "Delayed event limits as
// a capability"); nil means that there is nothing to add to.
func mergeCapabilities(body []byte, config Config) []byte {
	var answer, list map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil || answer == nil || json.Unmarshal(orObject(answer["capabilities"]), &list) != nil {
		return nil
	}
	limits, err := json.Marshal(map[string]int64{"max_delay_ms": config.MaxDelay.Milliseconds(), "max_scheduled": int64(config.MaxDelayedPerUser)})
	if err != nil {
		return nil
	}
	if list == nil {
		list = map[string]json.RawMessage{}
	}
	list["m.delayed_events"], list[message.FeatureDelayedEvents+".delayed_events"] = limits, limits
	return withMember(answer, "capabilities", list)
}

func orObject(text json.RawMessage) json.RawMessage {
	if len(text) == 0 {
		return json.RawMessage("{}")
	}
	return text
}

// wellKnownKey is what clients before the authenticated endpoint read.
const wellKnownKey = message.FeatureTransports + ".rtc_foci"

// mergeWellKnown adds the transports, and makes the whole up where there was
// none and our own address is known.
func (s *Server) mergeWellKnown(status int, body []byte) []byte {
	var answer map[string]json.RawMessage
	switch {
	case status == http.StatusNotFound && s.config.PublicURL != "":
		base, _ := json.Marshal(map[string]string{"base_url": s.config.PublicURL}) // a string
		answer = map[string]json.RawMessage{"m.homeserver": base}
	case status != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer == nil:
		return nil
	}
	if _, there := answer[wellKnownKey]; there {
		return nil
	}
	return withMember(answer, wellKnownKey, s.config.Transports)
}

// withMember sets one member of an object and leaves the others as they are.
func withMember(object map[string]json.RawMessage, name string, value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	object[name] = text
	merged, err := json.Marshal(object)
	if err != nil {
		return nil
	}
	return merged
}
