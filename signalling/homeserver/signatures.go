package homeserver

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// crossKeys are a user's cross-signing keys, as uploaded and signed since.
type crossKeys struct {
	Master      json.RawMessage `json:"master,omitempty"`
	SelfSigning json.RawMessage `json:"self_signing,omitempty"`
	UserSigning json.RawMessage `json:"user_signing,omitempty"`
}

// crossKey is what the server reads of one.
type crossKey struct {
	UserID string            `json:"user_id"`
	Usage  []string          `json:"usage"`
	Keys   map[string]string `json:"keys"`
}

// uploadCrossKeys stores cross-signing keys. Replacing a master key takes
// user-interactive authentication, the first upload does not (MSC3967).
func (s *Server) uploadCrossKeys(r *request) (any, error) {
	var body struct {
		Auth        *authData       `json:"auth"`
		Master      json.RawMessage `json:"master_key"`
		SelfSigning json.RawMessage `json:"self_signing_key"`
		UserSigning json.RawMessage `json:"user_signing_key"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	for _, part := range []struct {
		key   json.RawMessage
		usage string
	}{{body.Master, "master"}, {body.SelfSigning, "self_signing"}, {body.UserSigning, "user_signing"}} {
		if err := checkCrossKey(part.key, part.usage, r.user.id); err != nil {
			return nil, err
		}
	}
	s.model.mu.Lock()
	old := r.user.CrossKeys.Master
	s.model.mu.Unlock()
	if old != nil && (body.Master == nil || !sameJSON(old, body.Master)) {
		if err := s.confirm(r, body.Auth); err != nil {
			return nil, err
		}
	}
	defer s.model.hold(r)()
	replace(&r.user.CrossKeys.Master, body.Master)
	replace(&r.user.CrossKeys.SelfSigning, body.SelfSigning)
	replace(&r.user.CrossKeys.UserSigning, body.UserSigning)
	s.model.touchKeys(r.user)
	return nothing{}, nil
}

func replace(old *json.RawMessage, with json.RawMessage) {
	if len(with) > 0 {
		*old = compact(with)
	}
}

func checkCrossKey(raw json.RawMessage, usage, userID string) error {
	if len(raw) == 0 {
		return nil
	}
	var k crossKey
	if err := decodeJSON(raw, &k); err != nil {
		return err
	}
	switch {
	case k.UserID != userID:
		return invalidParam("the %s key must be of %s", usage, userID)
	case !slices.Contains(k.Usage, usage):
		return invalidParam("the %s key must have the usage %s", usage, usage)
	case len(k.Keys) != 1:
		return invalidParam("the %s key must hold one key", usage)
	}
	return nil
}

// uploadSignatures adds signatures to devices and cross-signing keys. The
// server does not verify them: that is what the clients are for.
func (s *Server) uploadSignatures(r *request) (any, error) {
	var body map[string]map[string]json.RawMessage
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	failures := make(map[string]map[string]any)
	defer s.model.hold(r)()
	for userID, objects := range body {
		u := s.model.users[userID]
		changed := false
		for id, object := range objects {
			if refused := u.addSignatures(id, object, r.user.id); refused != nil {
				if failures[userID] == nil {
					failures[userID] = make(map[string]any)
				}
				failures[userID][id] = refused.body()
				continue
			}
			changed = true
		}
		if changed {
			s.model.signaturesChanged(u, r.user)
		}
	}
	return map[string]any{"failures": failures}, nil
}

// signaturesChanged writes the keys down. Signatures on another user's master
// key are only shown to who made them, so only they must look again.
func (m *model) signaturesChanged(u, by *user) {
	c := m.begin()
	for _, d := range u.devices {
		if d.keys != nil {
			c.put(bucketKeys, key(u.id, d.id), d.keys)
		}
	}
	c.touchKeys(u)
	by.listsAt = m.position
	c.tell(by)
	c.commit()
}

// addSignatures merges the signatures of one signed object into the key it is
// about: a device's keys, or the cross-signing key with that public key.
func (u *user) addSignatures(id string, object json.RawMessage, signer string) *refusal {
	if u == nil {
		return notFound("there is no such user")
	}
	target := u.signable(id)
	if target == nil {
		return notFound("there is no such device or key")
	}
	var signed struct {
		Signatures map[string]map[string]string `json:"signatures"`
	}
	if json.Unmarshal(object, &signed) != nil || len(signed.Signatures[signer]) == 0 {
		return refuse(400, codeInvalidSignature, "the object has no signature of %s", signer)
	}
	merged, err := mergeSignatures(*target, signer, signed.Signatures[signer])
	if err != nil {
		return refuse(400, codeInvalidSignature, "%v", err)
	}
	*target = merged
	return nil
}

func (u *user) signable(id string) *json.RawMessage {
	if d := u.devices[id]; d != nil && d.keys != nil {
		return &d.keys
	}
	for _, target := range []*json.RawMessage{&u.CrossKeys.Master, &u.CrossKeys.SelfSigning, &u.CrossKeys.UserSigning} {
		var k crossKey
		if json.Unmarshal(*target, &k) != nil {
			continue
		}
		for name := range k.Keys {
			if strings.HasSuffix(name, ":"+id) {
				return target
			}
		}
	}
	return nil
}

func mergeSignatures(target json.RawMessage, signer string, added map[string]string) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(target, &object); err != nil {
		return nil, err
	}
	signatures := make(map[string]map[string]string)
	if raw, ok := object["signatures"]; ok {
		if err := json.Unmarshal(raw, &signatures); err != nil {
			return nil, err
		}
	}
	if signatures[signer] == nil {
		signatures[signer] = make(map[string]string)
	}
	maps.Copy(signatures[signer], added)
	object["signatures"], _ = json.Marshal(signatures) // strings only
	return json.Marshal(object)
}

// signedFor is a cross-signing key with the signatures that viewer may see:
// the owner's and viewer's own, not who else has verified the owner.
func signedFor(cross json.RawMessage, owner, viewer string) json.RawMessage {
	var object map[string]json.RawMessage
	var signatures map[string]json.RawMessage
	if json.Unmarshal(cross, &object) != nil || json.Unmarshal(object["signatures"], &signatures) != nil {
		return cross
	}
	maps.DeleteFunc(signatures, func(by string, _ json.RawMessage) bool { return by != owner && by != viewer })
	object["signatures"], _ = json.Marshal(signatures) // was JSON before
	shown, err := json.Marshal(object)
	if err != nil {
		return cross
	}
	return shown
}
