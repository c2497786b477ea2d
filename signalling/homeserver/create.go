package homeserver

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"meshfocus/signalling/message"
)

type createRequest struct {
	Visibility   string                     `json:"visibility"`
	AliasName    string                     `json:"room_alias_name"`
	Name         string                     `json:"name"`
	Topic        string                     `json:"topic"`
	Invite       []string                   `json:"invite"`
	Version      string                     `json:"room_version"`
	Preset       Preset                     `json:"preset"`
	Creation     map[string]json.RawMessage `json:"creation_content"`
	InitialState []initialState             `json:"initial_state"`
	Direct       bool                       `json:"is_direct"`
	Power        map[string]json.RawMessage `json:"power_level_content_override"`
}

type initialState struct {
	Type     string          `json:"type"`
	StateKey string          `json:"state_key"`
	Content  json.RawMessage `json:"content"`
}

// Preset is a set of initial state (client-server API, createRoom).
type Preset string

// The presets of the specification.
const (
	PresetPrivate Preset = "private_chat"
	PresetTrusted Preset = "trusted_private_chat"
	PresetPublic  Preset = "public_chat"
)

// rules that a preset stands for: join rule, history, whether guests can join.
var rules = map[Preset]struct{ join, history, guests string }{
	PresetPrivate: {"invite", "shared", "can_join"},
	PresetTrusted: {"invite", "shared", "can_join"},
	PresetPublic:  {"public", "shared", "forbidden"},
}

func (s *Server) createRoom(r *request) (any, error) {
	var body createRequest
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if err := s.checkCreate(&body); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	room, err := s.model.create(r.user, &body)
	if err != nil {
		return nil, err
	}
	return map[string]string{"room_id": room.id}, nil
}

// checkCreate looks at what can be said without the model, and fills in the
// defaults.
func (s *Server) checkCreate(body *createRequest) error {
	if body.Visibility == "" {
		body.Visibility = "private"
	}
	if body.Preset == "" {
		body.Preset = PresetPrivate
		if body.Visibility == "public" {
			body.Preset = PresetPublic
		}
	}
	if body.Version == "" {
		body.Version = roomVersionDefault
	}
	_, known := rules[body.Preset]
	switch {
	case body.Visibility != "public" && body.Visibility != "private":
		return invalidParam("visibility is %.40q; it must be public or private", body.Visibility)
	case !known:
		return invalidParam("preset is %.40q, which is not in the specification", string(body.Preset))
	case body.Version != roomVersion10 && body.Version != roomVersion11:
		return refuse(http.StatusBadRequest, codeUnsupportedRoom, "room versions here are 10 and 11")
	case strings.ContainsAny(body.AliasName, ":# \x00"):
		return invalidParam("room_alias_name is the part between # and : of the alias")
	}
	for _, id := range body.Invite {
		if !validUserID(id) {
			return invalidParam("%.255q in invite is no user ID", id)
		}
	}
	for i, state := range body.InitialState {
		var object map[string]json.RawMessage
		if json.Unmarshal(state.Content, &object) != nil || object == nil {
			return badJSON("initial_state %d: the content must be an object", i)
		}
		if err := checkCanonical(state.Content); err != nil {
			return err
		}
	}
	return nil
}

// create makes the room, whole or not at all. The model must be locked.
func (m *model) create(creator *user, body *createRequest) (*room, error) {
	full := "#" + body.AliasName + ":" + m.name
	if body.AliasName != "" {
		if m.aliases[full] != nil {
			return nil, refuse(http.StatusBadRequest, codeRoomInUse, "the alias %s is taken", full)
		}
		if len(full) > maxField {
			return nil, tooLarge("the alias may have %d bytes", maxField)
		}
	}
	for _, id := range body.Invite {
		if m.users[id] == nil {
			return nil, notFound("%s is not a user of this server, which has no federation", id)
		}
	}
	drafts, err := m.foundation(creator, body, full)
	if err != nil {
		return nil, err
	}
	record := roomRecord{Version: body.Version, Creator: creator.id, Listed: body.Visibility == "public"}
	r := m.newRoom("!"+randomID(15)+":"+m.name, record)
	c := m.begin()
	c.put(bucketRoom, key(r.id), record)
	for _, d := range drafts {
		if _, err := c.post(r, d); err != nil {
			m.discard(r)
			return nil, err
		}
	}
	if body.AliasName != "" {
		c.setAlias(full, &alias{Room: r.id, Creator: creator.id})
	}
	c.commit()
	return r, nil
}

// discard takes back a room that could not be finished and of which nobody
// has heard.
func (m *model) discard(r *room) {
	delete(m.rooms, r.id)
	for _, e := range r.timeline {
		delete(m.events, e.ID)
	}
	for id := range r.spans {
		if u := m.users[id]; u != nil {
			delete(u.rooms, r.id)
		}
	}
}

// foundation lists a new room's first events, in the order of the
// specification.
func (m *model) foundation(creator *user, body *createRequest, alias string) ([]*draft, error) {
	drafts := []*draft{}
	state := func(kind, key string, content any) {
		data, _ := json.Marshal(content) // what was checked, or made here
		drafts = append(drafts, &draft{kind: kind, stateKey: &key, sender: creator, content: data})
	}
	creation := maps.Clone(body.Creation)
	if creation == nil {
		creation = make(map[string]json.RawMessage)
	}
	creation["room_version"], _ = json.Marshal(body.Version)
	if body.Version == roomVersion10 {
		creation["creator"], _ = json.Marshal(creator.id)
	}
	state(typeCreate, "", creation)
	drafts = append(drafts, m.memberDraft(creator, creator.id, memberJoin, ""))

	power, err := firstPower(creator, body)
	if err != nil {
		return nil, err
	}
	state(typePowerLevels, "", power)
	if body.AliasName != "" {
		state(typeCanonicalAlias, "", map[string]string{"alias": alias})
	}
	preset := rules[body.Preset]
	for _, rule := range []struct{ kind, name, value string }{
		{typeJoinRules, "join_rule", preset.join},
		{typeVisibility, "history_visibility", preset.history},
		{typeGuestAccess, "guest_access", preset.guests},
	} {
		if !body.overrides(rule.kind) {
			state(rule.kind, "", map[string]string{rule.name: rule.value})
		}
	}
	for _, initial := range body.InitialState {
		state(initial.Type, initial.StateKey, compact(initial.Content))
	}
	if body.Name != "" {
		state(typeName, "", map[string]string{"name": body.Name})
	}
	if body.Topic != "" {
		state(typeTopic, "", map[string]string{"topic": body.Topic})
	}
	return append(drafts, m.invitations(creator, body)...), nil
}

func (m *model) invitations(creator *user, body *createRequest) (drafts []*draft) {
	for _, id := range body.Invite {
		d := m.memberDraft(creator, id, memberInvite, "")
		if body.Direct {
			d.content = append(d.content[:len(d.content)-1], `,"is_direct":true}`...)
		}
		drafts = append(drafts, d)
	}
	return drafts
}

// overrides says whether initial_state sets a type with an empty key.
func (body *createRequest) overrides(kind string) bool {
	return slices.ContainsFunc(body.InitialState, func(i initialState) bool {
		return i.Type == kind && i.StateKey == ""
	})
}

// firstPower is the power level event of a new room: the creator above all,
// what concerns the room's safety for admins, and the request's changes.
func firstPower(creator *user, body *createRequest) (map[string]json.RawMessage, error) {
	people := map[string]int64{creator.id: powerAdmin}
	if body.Preset == PresetTrusted {
		for _, id := range body.Invite {
			people[id] = powerAdmin
		}
	}
	levels := map[string]any{
		"users": people, "users_default": powerUser,
		"events": map[string]int64{
			typeName: powerModerator, typeAvatar: powerModerator, typeCanonicalAlias: powerModerator,
			typePowerLevels: powerAdmin, typeVisibility: powerAdmin, typeTombstone: powerAdmin,
			typeEncryption: powerAdmin, "m.room.server_acl": powerAdmin,
		},
		"events_default": powerUser, "state_default": powerModerator,
		"ban": powerModerator, "kick": powerModerator, "redact": powerModerator, "invite": powerUser,
	}
	content := make(map[string]json.RawMessage)
	for name, level := range levels {
		content[name], _ = json.Marshal(level) // numbers
	}
	maps.Copy(content, body.Power)
	whole, err := json.Marshal(content)
	if err != nil {
		return nil, badJSON("power_level_content_override: %v", err)
	}
	if _, err := decodePower(whole); err != nil {
		return nil, badJSON("power_level_content_override: %v", err)
	}
	return content, nil
}

// callStates are the state events of a call, which everybody in a room made
// by EnsureRoom may send.
var callStates = []string{
	message.TypeCall, message.TypeCallStable, message.TypeCallMember, message.TypeCallMemberStable,
	message.TypeSlot, message.TypeSlotStable, message.TypeMember, message.TypeMemberStable,
	message.TypeMemberFamedly,
}

// EnsureRoom makes sure that a room with the alias exists, in which everybody
// may send the state of calls, and returns its ID. alias is the localpart; the
// creator must exist (ErrNoUser). With guests admitted they may join a public
// room.
func (s *Server) EnsureRoom(alias, name, creator string, preset Preset) (roomID string, err error) {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if existing := m.aliases["#"+alias+":"+m.name]; existing != nil {
		return existing.Room, nil
	}
	u := m.users[m.userID(creator)]
	if u == nil {
		return "", fmt.Errorf("room %q: creator %q: %w", alias, creator, ErrNoUser)
	}
	levels := make(map[string]int64)
	for _, kind := range callStates {
		levels[kind] = powerUser
	}
	events, _ := json.Marshal(levels) // numbers
	body := &createRequest{
		AliasName: alias, Name: name, Preset: preset, Visibility: "private",
		Power: map[string]json.RawMessage{"events": events},
	}
	if preset == PresetPublic {
		body.Visibility = "public"
		body.InitialState = []initialState{{Type: typeGuestAccess, Content: json.RawMessage(`{"guest_access":"can_join"}`)}}
	}
	if err := s.checkCreate(body); err != nil {
		return "", fmt.Errorf("room %q: %w", alias, err)
	}
	r, err := m.create(u, body)
	if err != nil {
		return "", fmt.Errorf("room %q: %w", alias, err)
	}
	return r.id, nil
}
