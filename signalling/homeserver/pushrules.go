package homeserver

import (
	"encoding/json"
	"net/http"
	"slices"
)

// pushRule is a push rule (client-server API, "Push rules"). They are kept for
// the clients, which decide by them what to show; the server pushes nothing.
type pushRule struct {
	ID         string           `json:"rule_id"`
	Default    bool             `json:"default"`
	Enabled    bool             `json:"enabled"`
	Actions    []any            `json:"actions"`
	Conditions []map[string]any `json:"conditions,omitempty"`
	Pattern    string           `json:"pattern,omitempty"`
}

// pushRuleset holds the rules by kind, each in the order of their priority.
type pushRuleset struct {
	Override  []pushRule `json:"override"`
	Content   []pushRule `json:"content"`
	Room      []pushRule `json:"room"`
	Sender    []pushRule `json:"sender"`
	Underride []pushRule `json:"underride"`
}

// pushRules are the rulesets as account data has them; there is one scope.
type pushRules struct {
	Global pushRuleset `json:"global"`
}

// kind finds the list of a kind.
func (p *pushRuleset) kind(name string) *[]pushRule {
	switch name {
	case "override":
		return &p.Override
	case "content":
		return &p.Content
	case "room":
		return &p.Room
	case "sender":
		return &p.Sender
	case "underride":
		return &p.Underride
	}
	return nil
}

// pushRules are the user's, or the default ones.
func (u *user) pushRules() pushRules {
	if set := u.data[dataKey{"", typePushRules}]; set != nil {
		var stored pushRules
		if json.Unmarshal(set.Content, &stored) == nil {
			return stored
		}
	}
	local, _ := cutLocalpart(u.id)
	return pushRules{defaultRules(u.id, local)}
}

// defaultRules are the predefined ones of the specification.
func defaultRules(userID, localpart string) pushRuleset {
	match := func(key, pattern string) map[string]any {
		return map[string]any{"kind": "event_match", "key": key, "pattern": pattern}
	}
	is := func(key string, value any) map[string]any {
		return map[string]any{"kind": "event_property_is", "key": key, "value": value}
	}
	sound := func(name string) map[string]any { return map[string]any{"set_tweak": "sound", "value": name} }
	highlight := map[string]any{"set_tweak": "highlight"}
	small := map[string]any{"kind": "room_member_count", "is": "2"}
	power := map[string]any{"kind": "sender_notification_permission", "key": "room"}
	mention := map[string]any{
		"kind": "event_property_contains", "key": `content.m\.mentions.user_ids`, "value": userID,
	}
	rule := func(id string, enabled bool, actions []any, conditions ...map[string]any) pushRule {
		return pushRule{ID: id, Default: true, Enabled: enabled, Actions: actions, Conditions: conditions}
	}
	return pushRuleset{
		Override: []pushRule{
			rule(".m.rule.master", false, []any{}),
			rule(".m.rule.suppress_notices", true, []any{}, match("content.msgtype", "m.notice")),
			rule(".m.rule.invite_for_me", true, []any{"notify", sound("default")},
				match("type", typeMember), match("content.membership", memberInvite), match("state_key", userID)),
			rule(".m.rule.member_event", true, []any{}, match("type", typeMember)),
			rule(".m.rule.is_user_mention", true, []any{"notify", sound("default"), highlight}, mention),
			rule(".m.rule.is_room_mention", true, []any{"notify", highlight}, is(`content.m\.mentions.room`, true), power),
			rule(".m.rule.tombstone", true, []any{"notify", highlight}, match("type", typeTombstone), match("state_key", "")),
			rule(".m.rule.reaction", true, []any{}, match("type", "m.reaction")),
			rule(".m.rule.room.server_acl", true, []any{}, match("type", "m.room.server_acl"), match("state_key", "")),
			rule(".m.rule.suppress_edits", true, []any{}, is(`content.m\.relates_to.rel_type`, "m.replace")),
		},
		Content: []pushRule{{
			ID: ".m.rule.contains_user_name", Default: true, Enabled: true, Pattern: localpart,
			Actions: []any{"notify", sound("default"), highlight},
		}},
		Room: []pushRule{}, Sender: []pushRule{},
		Underride: []pushRule{
			rule(".m.rule.call", true, []any{"notify", sound("ring")}, match("type", "m.call.invite")),
			rule(".m.rule.encrypted_room_one_to_one", true, []any{"notify", sound("default")}, small, match("type", typeEncrypted)),
			rule(".m.rule.room_one_to_one", true, []any{"notify", sound("default")}, small, match("type", typeMessage)),
			rule(".m.rule.message", true, []any{"notify"}, match("type", typeMessage)),
			rule(".m.rule.encrypted", true, []any{"notify"}, match("type", typeEncrypted)),
		},
	}
}

func (s *Server) getPushRules(r *request) (any, error) {
	defer s.model.hold(r)()
	all := r.user.pushRules()
	switch r.param("scope") {
	case "":
		return all, nil
	case "global":
		return all.Global, nil
	}
	return nil, notFound("there is no such scope of push rules")
}

// pushRuleOf finds the rule a path names, in rules.
func pushRuleOf(r *request, rules *pushRules) (list *[]pushRule, index int, err error) {
	list = rules.Global.kind(r.param("kind"))
	if r.param("scope") != "global" || list == nil {
		return nil, 0, notFound("there is no such scope or kind of push rules")
	}
	index = slices.IndexFunc(*list, func(p pushRule) bool { return p.ID == r.param("rule") })
	return list, index, nil
}

// aspect is the last segment of a push rule's path: what of it is meant.
func (r *request) aspect() string {
	segments, _ := segments(r.URL.EscapedPath())
	if last := segments[len(segments)-1]; len(segments) == 5 {
		return last
	}
	return ""
}

func (s *Server) getPushRule(r *request) (any, error) {
	defer s.model.hold(r)()
	rules := r.user.pushRules()
	list, i, err := pushRuleOf(r, &rules)
	if err != nil {
		return nil, err
	}
	if i < 0 {
		return nil, notFound("there is no such push rule")
	}
	switch r.aspect() {
	case "enabled":
		return map[string]bool{"enabled": (*list)[i].Enabled}, nil
	case "actions":
		return map[string]any{"actions": (*list)[i].Actions}, nil
	}
	return (*list)[i], nil
}

// editPushRules changes the user's rules and tells their devices.
func (s *Server) editPushRules(r *request, edit func(list *[]pushRule, index int) error) (any, error) {
	defer s.model.hold(r)()
	rules := r.user.pushRules()
	list, i, err := pushRuleOf(r, &rules)
	if err != nil {
		return nil, err
	}
	if err := edit(list, i); err != nil {
		return nil, err
	}
	content, err := json.Marshal(rules)
	if err != nil {
		return nil, badJSON("the rule is no JSON: %v", err)
	}
	if len(content) > maxEvent {
		return nil, tooLarge("all push rules may have %d bytes", maxEvent)
	}
	c := s.model.begin()
	c.setData(r.user, "", typePushRules, content)
	c.commit()
	return nothing{}, nil
}

func (s *Server) putPushRule(r *request) (any, error) {
	body := pushRule{Actions: []any{}}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if id := r.param("rule"); id[0] == '.' || len(id) > maxField {
		return nil, refuse(http.StatusBadRequest, codeInvalidParam, "names with a dot in front are the server's")
	}
	body.ID, body.Default, body.Enabled = r.param("rule"), false, true
	return s.editPushRules(r, func(list *[]pushRule, i int) error {
		if i >= 0 {
			(*list)[i] = body
		} else {
			*list = slices.Insert(*list, 0, body)
		}
		return nil
	})
}

func (s *Server) deletePushRule(r *request) (any, error) {
	return s.editPushRules(r, func(list *[]pushRule, i int) error {
		if i < 0 || (*list)[i].Default {
			return notFound("there is no such push rule of one's own")
		}
		*list = slices.Delete(*list, i, i+1)
		return nil
	})
}

// setPushRule switches a rule on or off, or changes its actions.
func (s *Server) setPushRule(r *request) (any, error) {
	var body struct {
		Enabled *bool  `json:"enabled"`
		Actions *[]any `json:"actions"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	aspect := r.aspect()
	return s.editPushRules(r, func(list *[]pushRule, i int) error {
		switch {
		case i < 0:
			return notFound("there is no such push rule")
		case aspect == "enabled" && body.Enabled != nil:
			(*list)[i].Enabled = *body.Enabled
		case aspect == "actions" && body.Actions != nil:
			(*list)[i].Actions = *body.Actions
		default:
			return missingParam(aspect)
		}
		return nil
	})
}
